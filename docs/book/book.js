// Formulas and tables that are wider than the page can be scrolled by the keyboard.
addEventListener("load", () => {
  for (const box of document.querySelectorAll(".formula, .pst-scrollable-table-container")) {
    if (box.scrollWidth > box.clientWidth && box.clientWidth > 0) {
      box.tabIndex = 0;
    }
  }
});
