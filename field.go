package pagecache

import "strings"

// class says what a request field means to the cache.
type class uint8

const (
	plainField class = iota
	conditionalField
	rangeField
	preconditionField
	routingField
	cookieField
	identityField
	overrideField
	upgradeField
	acceptField
)

// routingFields are added to the key when a request has them: proxies set them
// and applications build links and redirects from them. X-Forwarded-For is not
// among them, and of Forwarded only what does not name the client.
var routingFields = []string{
	"X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Protocol",
	"X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Path", "X-Forwarded-Uri",
	"X-Host", "X-Http-Host-Override", "X-Original-Host", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Scheme",
	"X-Envoy-Original-Path", "Cf-Visitor", "Cloudfront-Forwarded-Proto", "Front-End-Https",
}

// identityFields name a user, a session or a tenant, or prove who asks.
// Requests with one go past the cache unless it is part of the key.
var identityFields = []string{
	"Authorization", "Proxy-Authorization", "Api-Key", "Apikey", "Client-Cert", "Client-Cert-Chain", "Dpop", "Private-Token",
	"Remote-Email", "Remote-Groups", "Remote-Name", "Remote-User",
	"X-Access-Token", "X-Account-Id", "X-Apigateway-Api-Userinfo", "X-Arr-Clientcert", "X-Authenticated-Userid", "X-Authorization",
	"X-Customer-Id", "X-Email", "X-Endpoint-Api-Userinfo", "X-Serverless-Authorization", "X-Userid", "X-Amz-Security-Token", "X-Api-Key", "X-Api-Token", "X-Apikey", "X-Auth", "X-Auth-Key", "X-Auth-Token",
	"X-Auth-User", "X-Authenticated-User", "X-Client-Cert", "X-Client-Dn", "X-Forwarded-Access-Token",
	"X-Forwarded-Client-Cert", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"X-Forwarded-User", "X-Gitlab-Token", "X-Goog-Iap-Jwt-Assertion", "X-Id-Token", "X-Jwt", "X-Jwt-Assertion",
	"X-Org-Id", "X-Organization-Id", "X-Remote-User", "X-Session", "X-Session-Id", "X-Session-Token", "X-Tenant", "X-Tenant-Id",
	"X-Token", "X-User", "X-User-Id", "X-Username", "X-Vault-Token", "X-Webauth-User",
}

// identityPrefixes begin the names of families of identity fields.
var identityPrefixes = []string{
	"Cf-Access-", "Ssl-Client-", "Tailscale-User-", "X-Amzn-Mtls-", "X-Amzn-Oidc-", "X-Auth-Request-", "X-Authentik-", "X-Consumer-",
	"X-Goog-Authenticated-User-", "X-Ms-Client-Principal", "X-Ms-Token-", "X-Pomerium-", "X-Ssl-Client-",
}

// fieldClasses holds all fields of interest but those known by a prefix.
var fieldClasses = func() map[string]class {
	m := map[string]class{
		"If-None-Match": conditionalField, "If-Modified-Since": conditionalField,
		"If-Match": preconditionField, "If-Unmodified-Since": preconditionField,
		"Range": rangeField, "Cookie": cookieField, "Upgrade": upgradeField, "Accept": acceptField, "Forwarded": routingField,
		"X-Http-Method-Override": overrideField, "X-Http-Method": overrideField, "X-Method-Override": overrideField,
	}
	for _, name := range routingFields {
		m[name] = routingField
	}
	for _, name := range identityFields {
		m[name] = identityField
	}
	return m
}()

// candidates has, for each length of a name, a bit for each first letter that
// a field of interest of this length has. Every field of every request is
// looked at, hits included; this turns nearly all of them away in a nanosecond.
var candidates = func() (t [maxFieldName + 1]uint32) {
	for name := range fieldClasses {
		t[len(name)] |= letter(name)
	}
	for _, prefix := range identityPrefixes {
		for n := len(prefix); n <= maxFieldName; n++ {
			t[n] |= letter(prefix)
		}
	}
	return t
}()

const maxFieldName = 63

func letter(name string) uint32 { return 1 << (name[0] & 31) }

// fieldClass classifies a request field by its canonical name.
func fieldClass(name string) class {
	if n := len(name); n == 0 || candidates[min(n, maxFieldName)]&letter(name) == 0 {
		return plainField
	}
	if c := fieldClasses[name]; c != plainField {
		return c
	}
	for _, prefix := range identityPrefixes {
		if strings.HasPrefix(name, prefix) {
			return identityField
		}
	}
	return plainField
}
