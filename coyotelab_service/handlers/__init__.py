"""The service's HTTP: pages in HTML, and the REST API in JSON."""
