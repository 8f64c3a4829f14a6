"""One module for every kind of section of the generated pages."""
