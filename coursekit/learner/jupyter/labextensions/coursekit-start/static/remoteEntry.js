/* Shows the start page of the course as it is on disk.

JupyterLab does not notice that an open file has changed, and `check` writes the start page again. So while the page is
in view, this asks once a second when the file was written, and loads it if it is newer than what is shown. The file is
what JupyterLab expects of a prebuilt extension (a container of webpack's module federation), written by hand: it needs
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

  const plugin = {
    id: "coursekit-start:plugin",
    description: "Shows the start page of the course as it is on disk.",
    autoStart: true,
    activate: (app) => {
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
