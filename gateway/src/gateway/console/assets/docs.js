// The pages of the interface: Swagger UI over our own document, in the page's language.
"use strict";
const place = document.getElementById("swagger");
const ui = SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  docExpansion: "none",
  tryItOutEnabled: true,
  persistAuthorization: true,
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    request.headers["Accept-Language"] = place.dataset.lang;
    return request;
  },
});
ui.initOAuth({ useBasicAuthenticationWithAccessCodeGrant: false });
