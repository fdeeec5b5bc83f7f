"""Between an exchange and the application: ASGI's scope, messages and lifespan."""
