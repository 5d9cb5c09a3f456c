"""A sandbox of the national platform: takes batches, answers late, refuses for real reasons."""
