// Starts the page. The description is found from where this script is, so that all works below a path of a proxy too.
const description = new URL("../api/openapi/v1.json", document.currentScript.src).href;
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: description,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    // The key is forgotten when the page is left.
    persistAuthorization: false,
    // The default asks a server of another organisation.
    validatorUrl: "none",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "BaseLayout",
  });
};
