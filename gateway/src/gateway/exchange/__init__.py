"""Reports to the national platform: rows, batches, receipts."""
