"""Rules of the pages: how the circle is drawn, and how the interface is told."""
