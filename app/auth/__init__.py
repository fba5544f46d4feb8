"""Who may act for whom: bearer tokens (RFC 6750) of an issuer elsewhere. It knows neither database nor resource."""
