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
	"X-Host", "X-Http-Host-Override", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url", "X-Scheme", "Front-End-Https",
}

// fieldClass classifies a request field by its canonical name. It runs for
// every field of every request, hits included: the switch is compiled to a
// search by length and text, and prefixes are tried for few first letters.
func fieldClass(name string) class {
	switch name {
	case "If-None-Match", "If-Modified-Since":
		return conditionalField
	case "Range":
		return rangeField
	case "If-Match", "If-Unmodified-Since":
		return preconditionField
	case "Cookie":
		return cookieField
	case "Upgrade":
		return upgradeField
	case "Accept":
		return acceptField
	case "X-Http-Method-Override", "X-Http-Method", "X-Method-Override":
		return overrideField
	case "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Protocol",
		"X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl", "X-Forwarded-Path", "X-Forwarded-Uri",
		"X-Host", "X-Http-Host-Override", "X-Original-Host", "X-Original-Url", "X-Rewrite-Url", "X-Scheme", "Front-End-Https",
		"Forwarded":
		return routingField
	case "Authorization", "Proxy-Authorization", "Api-Key", "Apikey", "Dpop", "Private-Token", "Remote-User",
		"X-Access-Token", "X-Amz-Security-Token", "X-Api-Key", "X-Api-Token", "X-Apikey", "X-Auth", "X-Auth-Key", "X-Auth-Token",
		"X-Auth-User", "X-Authenticated-User", "X-Client-Cert", "X-Client-Dn", "X-Forwarded-Access-Token",
		"X-Forwarded-Client-Cert", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
		"X-Forwarded-User", "X-Gitlab-Token", "X-Goog-Iap-Jwt-Assertion", "X-Id-Token", "X-Jwt", "X-Jwt-Assertion",
		"X-Org-Id", "X-Organization-Id", "X-Remote-User", "X-Session", "X-Session-Id", "X-Session-Token", "X-Tenant", "X-Tenant-Id",
		"X-Token", "X-User", "X-User-Id", "X-Username", "X-Vault-Token", "X-Webauth-User":
		return identityField
	}
	return prefixedFieldClass(name)
}

// identityPrefixes begin the names of families of identity fields.
var identityPrefixes = []string{
	"Cf-Access-", "Ssl-Client-", "Tailscale-User-", "X-Amzn-Oidc-", "X-Auth-Request-",
	"X-Goog-Authenticated-User-", "X-Ms-Client-Principal", "X-Ms-Token-", "X-Ssl-Client-",
}

func prefixedFieldClass(name string) class {
	if len(name) < 10 {
		return plainField
	}
	switch name[0] {
	case 'C', 'S', 'T', 'X':
	default:
		return plainField
	}
	for _, prefix := range identityPrefixes {
		if strings.HasPrefix(name, prefix) {
			return identityField
		}
	}
	return plainField
}
