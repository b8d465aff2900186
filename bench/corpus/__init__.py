"""The command `make corpus`, which tries the portal's whole way of a PDF on a folder of real files."""
