"""The window: pages, views and forms made from declarations; it never imports torch or decodes a file itself."""
