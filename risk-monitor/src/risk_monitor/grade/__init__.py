"""Credit grades as credit-service says, kept to be shown beside a warning."""
