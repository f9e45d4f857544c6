/* Shows the start page of the course as it is on disk, and follows its links to the cell they name.

JupyterLab does not notice that an open file has changed, and `check` writes the start page again. So while the page is
in view, this asks once a second when the file was written, and loads it if it is newer than what is shown. JupyterLab
itself follows a link such as knn.ipynb#cell-id=card_knn_no_loops, but stays at the top of a notebook that is not laid
out yet; so this goes to the cell once more, until it is the active one and in view. The file is what JupyterLab expects of a prebuilt extension (a container of webpack's module federation), written by hand: it needs
nothing that would have to be built. */
"use strict";
(() => {
  const PAGE = "start.md";
  const EVERY = 1000; // milliseconds

  function startPages(shell) {
    return [...shell.widgets("main")].filter((widget) => widget.isVisible && widget.context?.path === PAGE);
  }

  async function loadIfNewer(context, contents) {
    if (!context.isReady || context.isDisposed || context.model.dirty) return;
    const onDisk = await contents.get(PAGE, { content: false });
    if (onDisk.last_modified !== context.contentsModel?.last_modified) await context.revert();
  }

  async function look(app) {
    if (document.hidden) return;
    for (const widget of startPages(app.shell)) {
      await loadIfNewer(widget.context, app.serviceManager.contents);
    }
  }

  function repeat(app) {
    const again = () => setTimeout(() => repeat(app), EVERY);
    look(app).then(again, again); // the file may be gone, or the server; both may come back
  }

  const LINK = "rendermime:handle-local-link";
  const TRIES = 20;
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

  function isInView(node, around) {
    const [inner, outer] = [node.getBoundingClientRect(), around.getBoundingClientRect()];
    return node.isConnected && inner.height > 0 && inner.top < outer.bottom && inner.bottom > outer.top;
  }

  async function goToCell(app, path, id) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const notebook = [...app.shell.widgets("main")].find((widget) => widget.context?.path === path)?.content;
      const index = notebook?.widgets?.findIndex((cell) => cell.model.id === id) ?? -1;
      if (index >= 0) {
        notebook.activeCellIndex = index;
        notebook.deselectAll();
        await notebook.scrollToItem(index, "start").catch(() => {});
        await pause(300); // what is above may still be laid out
        if (isInView(notebook.activeCell.node, notebook.node) && tries > 0) return;
      }
      await pause(200);
    }
  }

  function followLink(app, { id, args, result }) {
    const target = /^#cell-id=(.+)$/.exec(args?.id ?? "");
    if (id === LINK && target) Promise.resolve(result).then(() => goToCell(app, args.path, target[1]));
  }

  const plugin = {
    id: "coursekit-start:plugin",
    description: "Shows the start page of the course as it is on disk, and follows its links to cells.",
    autoStart: true,
    activate: (app) => {
      app.commands.commandExecuted.connect((_, executed) => followLink(app, executed));
      app.restored.then(() => repeat(app));
    },
  };

  const container = {
    init: () => {},
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["coursekit-start"] = container;
})();
