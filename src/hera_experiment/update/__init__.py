"""A project follows its template: two versions rendered, merged three ways, one commit."""
