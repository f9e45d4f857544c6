/* JupyterLab shows an image in an output as <img> without alt, even where the output's metadata has one, as
 * {"image/png": {"alt": "..."}}; nbconvert's template "classic" reads it too. This extension fills it in. It wraps the
 * renderers that JupyterLab has, so that it needs no build: JupyterLab asks for init and get, which webpack would write.
 */
(function () {
  let shared;

  /* A module that JupyterLab shares, whatever its version. */
  async function load(name) {
    const [version] = Object.values(shared[name]);
    return (await version.get())();
  }

  function describe(node, alt) {
    const image = node.querySelector("img");
    if (image) {
      image.alt = alt;
    } else {
      node.setAttribute("role", "img");
      node.setAttribute("aria-label", alt);
    }
  }

  function withAlt(factory) {
    return {
      ...factory,
      createRenderer(options) {
        const renderer = factory.createRenderer(options);
        const render = renderer.renderModel.bind(renderer);
        renderer.renderModel = async (model) => {
          await render(model);
          const alt = model.metadata[options.mimeType]?.alt;
          if (alt) {
            describe(renderer.node, String(alt));
          }
        };
        return renderer;
      },
    };
  }

  async function extension() {
    const { imageRendererFactory, svgRendererFactory } = await load("@jupyterlab/rendermime");
    const factories = [imageRendererFactory, svgRendererFactory];
    return factories.map((factory) => ({
      id: `coursekit-image-alt:${factory.mimeTypes[0]}`,
      rendererFactory: withAlt(factory),
      rank: factory.defaultRank,
      dataType: "string",
    }));
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["coursekit-image-alt"] = {
    init: (scope) => void (shared = scope),
    get: async () => {
      const plugins = await extension();
      return () => ({ __esModule: true, default: plugins });
    },
  };
})();
