"""The contract, over HTTP: these tests know neither how the service is made nor where it runs."""
