"""A workflow as a graph, and how it is drawn: as a picture, as Mermaid, as text."""
