"""The book: the course as a static site, with what the notebooks print and draw, and without the answers."""
