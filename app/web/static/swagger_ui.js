// A file of its own, so that the page needs no inline script.
SwaggerUIBundle({
  domNode: document.getElementById("documentation"),
  url: document.getElementById("documentation").dataset.url,
  deepLinking: true,
});
