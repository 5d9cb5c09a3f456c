"""Rules of reporting up: a report and its batch, and the rows that the platform takes."""
