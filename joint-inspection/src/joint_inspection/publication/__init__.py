"""What is published 公示, and by when."""
