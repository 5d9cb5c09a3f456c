"""Pages for people: the start page, the interface's pages, and a page for each refusal."""
