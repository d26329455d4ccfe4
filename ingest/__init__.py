"""Sources → documents → passages → ledger → indexes."""
