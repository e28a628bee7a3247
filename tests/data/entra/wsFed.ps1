# Has Entra send the users of example.com to their identity provider. Made by fedfront entra.
# Needs the PowerShell module Microsoft.Graph.Identity.DirectoryManagement, and an account of the tenant's
# onmicrosoft.com domain, which stays as it is, with the role Hybrid Identity Administrator or Domain Name
# Administrator. If Graph answers 403 all the same, add 'Directory.AccessAsUser.All' to the scopes.
$ErrorActionPreference = 'Stop'
Connect-MgGraph -Scopes 'Domain.ReadWrite.All', 'Domain-InternalFederation.ReadWrite.All'

# example.com
$domain = 'example.com'
$settings = @{
    PreferredAuthenticationProtocol = 'wsFed'
    IssuerUri = 'http://example.com/adfs/services/trust/'
    PassiveSignInUri = 'https://sts.example.com/passivests'
    ActiveSignInUri = 'https://sts.example.com/adfs/services/trust/2005/usernamemixed'
    SignOutUri = 'https://sts.example.com/passivests'
    MetadataExchangeUri = 'https://sts.example.com/adfs/services/trust/mex'
    SigningCertificate = 'MIICwTCCAamgAwIBAgIBATANBgkqhkiG9w0BAQsFADAkMRAwDgYDVQQDDAdzaWduaW5nMRAwDgYDVQQKDAdFeGFtcGxlMB4XDTI2MDEwMTAwMDAwMFoXDTMwMDEwMTAwMDAwMFowJDEQMA4GA1UEAwwHc2lnbmluZzEQMA4GA1UECgwHRXhhbXBsZTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBALceaCpAmWITo6Ws1bAJXjbdX/PXJqZnHzveGSco/thUPRMaa9XHf1g1ikGJKwQ2WgEiUuSkE9r/LPW6GavPzVSvUNDdqHI90i/Rtr/igkz3cZuCebT9gfppl9DkgvLDsvwlK8zpw+ak/kYHzHk6XNd1qLS0104EsdQGd7rTt9/bbkakxoh0wzSvFbAY4xeOe/Os5ugOTcLys/gF66zOsbqYTPvDXM/eka1FwhXJVigPJRbLUnPkDGjNPsbCfTotxIwkMLEXjNW6Z8xXgUuJfBbQDRU4Jis/0TBZ3hNs6D6Cjx4aKN1ftqcLEUB5oDFqnrpAnSpLA8qiRy5wiLzs9CECAwEAATANBgkqhkiG9w0BAQsFAAOCAQEAMIB0fB0q2/Ik+TK4bWTwwqBKHxPbmg4k31FJxhOF3zfextzymaG9ozY0WccbS/gOpyLOEOnmaUPET8Fm+1Um7FysMpV94x7soM4B+fc8fH1KTWLBZSUTT6rQiTHeZhOhrGThT+IlMblM4wBHKDM3HtL0SHr0bvw3AvvGCigP0xg2g/0gR6BihEUCwGcx7nYN0iZyLGV6VMWx+1YUwoNfRqO1omJHml1pFgDEfLQ6wpvksuwkRm8etiNWuJdR2opGIkjbpcdrdMyZisLbT1WJDCPjp0kAdg/ryfpHhCIhHk6YSV59RQkzMRLtC8UjRRvrpbRTWOgCK0hSeQs8Bj4wgg=='
    NextSigningCertificate = 'MIICuzCCAaOgAwIBAgIBAjANBgkqhkiG9w0BAQsFADAhMQ0wCwYDVQQDDARuZXh0MRAwDgYDVQQKDAdFeGFtcGxlMB4XDTI2MDEwMTAwMDAwMFoXDTMwMDEwMTAwMDAwMFowITENMAsGA1UEAwwEbmV4dDEQMA4GA1UECgwHRXhhbXBsZTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAJe+iVInx4tG7J0A0+PZJsy2kVWzeiKSrYlucsoHqSwxcDODGpG556/KiDVfw+2LRXLEpeWE7Hio60m8vKH7aShinr7lwPPsormb2CrpTMdCjcRyZYaKxK8+Aof05QC25QszlDHzDGzTcXjIGCiwNqPLavYL57nDAp6ipe5v7cTI0Cyg/0a6LhbbmlxBIeHrKK6sZJUs0HFtHLAeYhBmj0cUQuSXqiOA2IpYzAkbN4yw837wN4p06BVbeCkILeYcRU4k5w+OioTBP1g4QIQg/8ntSymRIpeIuYmX+f9yZBj3z6RFwEV6I5fulH+f6lPWj7dunLzsxtg/vG+ooNYozrcCAwEAATANBgkqhkiG9w0BAQsFAAOCAQEAEiwMtAEpwgDxKZSF71g4vF9F6xAbGXps65ane269qaMgpjZuMybF4SoLkmY2cTJlze8NUfweP5URh9Lg+WJNHbmru10Rwz6SJg+rFhY6JvY2S52Sy+uRU2HYVevXfzv7cP7yD4PRUq6LwNeRmJvqB5fuH+FPZnlI451eG7ei+wcl4xPeHYLd8NR9rNCsnSyZM35OJOxrDAYzQOzqv9Wru0cjcOl5XoK67BUD7RNBnFFSR60vpMMdO7pWsaTv+NGv5EeZ1s4YH7dXwcR1LfSsU0fXEKYc2zu+2m8+X7ZdohHNsc03nyj9982f72J6ML8Hv4CCx3KWoVZ59xq+haLT5w=='
}
if ((Get-MgDomain -DomainId $domain).AuthenticationType -eq 'Federated') {
    # What it has is kept in a file, to compare and to go back to. A second run leaves that file as it is: move it
    # away to have it written anew.
    $before = Get-MgDomainFederationConfiguration -DomainId $domain
    if (-not (Test-Path -LiteralPath "$domain.before.json")) {
        $before | ConvertTo-Json | Out-File -FilePath "$domain.before.json"
    }
    Update-MgDomainFederationConfiguration -DomainId $domain -InternalDomainFederationId $before.Id @settings
} else {
    New-MgDomainFederationConfiguration -DomainId $domain -DisplayName 'example.com' @settings
}
Get-MgDomainFederationConfiguration -DomainId $domain | ConvertTo-Json | Out-File -FilePath "$domain.json"
# Then: fedfront entra diff example.com.json -c proxy.yaml --domain example.com
# To go back to passwords that Entra checks itself:
#   Update-MgDomain -DomainId 'example.com' -AuthenticationType 'Managed'
