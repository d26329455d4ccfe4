"""The record and how it is searched: ledger, encoder, dense and lexical indexes, fusion."""
