"""The ledger: rows in = rows out + rows dropped for every stage and source, reconciled with the lake."""
