package pagecache_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-pagecache/pagecache"
)

// TestThreatS19_IgnoredCookiesCannotShapeThePage: requests with them share a
// page, so its handler must not see them.
func TestThreatS19_IgnoredCookiesCannotShapeThePage(t *testing.T) {
	all, theme, lang := pagecache.IgnoreCookies(), pagecache.IgnoreCookies("theme"), pagecache.Key(pagecache.Cookie("lang"))
	for _, tc := range []struct {
		name   string
		opts   []pagecache.Option
		cookie string
		seen   string // by the handler that fills
	}{
		{"analytics", nil, "_ga=GA1.2.3; _gid=1; _gat_x=1; _ga_ABC=1", ""},
		{"analytics of others", nil, "_fbp=1; _fbc=2; _pk_id.1.ab=3; __utma=4", ""},
		{"ignored by name", []pagecache.Option{theme}, "theme=dark; _ga=1", ""},
		{"all ignored", []pagecache.Option{all}, "session=1; theme=dark", ""},
		{"all ignored but the key's", []pagecache.Option{all, lang}, "session=1; lang=de; theme=dark", "lang=de"},
		{"the key's, twice", []pagecache.Option{theme, lang}, "theme=x; lang=de; lang=en", "lang=de; lang=en"},
		{"the key's alone", []pagecache.Option{lang}, "lang=de", "lang=de"},
		{"the key's, in quotes", []pagecache.Option{lang}, `lang="de"; _ga=1`, `lang="de"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, nil, tc.opts...)
			miss := get(t, s.URL, "Cookie", tc.cookie)
			if seen := miss.saw(t).Header.Get("Cookie"); seen != tc.seen || !miss.stored() {
				t.Errorf("got %q, and the handler saw Cookie %q; want it stored and %q", miss.cacheStatus(), seen, tc.seen)
			}
			wantHit(t, "again", get(t, s.URL, "Cookie", tc.cookie), miss)
			wantHit(t, "only what counts", get(t, s.URL, cookieFields(tc.seen)...), miss)
		})
	}
}

func cookieFields(cookie string) []string {
	if cookie == "" {
		return nil
	}
	return []string{"Cookie", cookie}
}

// TestThreatS19_BypassedRequestsKeepTheirCookies, ignored ones included.
func TestThreatS19_BypassedRequestsKeepTheirCookies(t *testing.T) {
	s := newSite(t, nil, pagecache.IgnoreCookies("theme"))
	const cookie = "theme=dark; session=1; _ga=2"
	if got := get(t, s.URL, "Cookie", cookie); got.reason() != "cookie" || got.saw(t).Header.Get("Cookie") != cookie {
		t.Errorf("got %q, Cookie %q; want detail=cookie and all cookies", got.cacheStatus(), got.saw(t).Header.Get("Cookie"))
	}
}

// TestThreatS14_StrictHidesWhatIsNotKeyed: what no list knows cannot shape the
// page either.
func TestThreatS14_StrictHidesWhatIsNotKeyed(t *testing.T) {
	s := newSite(t, nil, pagecache.Strict("Accept-Language"), pagecache.Key(pagecache.Header("X-Keyed")))
	fields := []string{"X-Evil", "e", "Accept-Language", "de", "X-Keyed", "k", "X-Forwarded-Host", "h", "User-Agent", "u", "_evil", "e", "Cookie", "_ga=1"}
	seen := raw(t, s.Server, wire("GET", "/", fields...)).saw(t).Header
	for name, want := range map[string]string{"X-Evil": "", "User-Agent": "", "_evil": "", "Cookie": "", "Accept-Language": "de", "X-Keyed": "k", "X-Forwarded-Host": "h"} {
		if got := strings.Join(seen[name], ", "); got != want {
			t.Errorf("%s: the handler saw %q, want %q", name, got, want)
		}
	}
}

// TestThreats_KeyedIdentities: each identity can be a key part instead. Then
// everybody has pages of his own, and nobody sees another's.
func TestThreats_KeyedIdentities(t *testing.T) {
	for _, tc := range []struct {
		name    string
		key     pagecache.KeyPart
		clients [][]string
	}{
		{"S18 authorization", pagecache.Header("Authorization"), [][]string{
			{}, {"Authorization", ""}, {"Authorization", "Bearer alice"}, {"Authorization", "Bearer bob"}, {"Authorization", "bearer bob"},
			{"Authorization", "Bearer alice", "Authorization", "Bearer bob"}, {"Authorization", "Bearer alice, Bearer bob"}}},
		{"S18 API key", pagecache.Header("X-Api-Key"), [][]string{{}, {"X-Api-Key", "a"}, {"X-Api-Key", "b"}, {"X-Api-Key", "a", "X-Api-Key", "b"}}},
		{"S19 cookie", pagecache.Cookie("lang"), [][]string{{}, {"Cookie", "lang=de"}, {"Cookie", "lang=en"}, {"Cookie", "lang="}, {"Cookie", "lang=DE"}, {"Cookie", "lang=de; lang=en"}, {"Cookie", "lang=en; lang=de"}}},
		{"S19 all cookies", pagecache.Header("Cookie"), [][]string{{}, {"Cookie", "a=1"}, {"Cookie", "a=1; b=2"}, {"Cookie", "b=2; a=1"}, {"Cookie", "a=1", "Cookie", "b=2"}}},
		{"S25 any field", pagecache.Header("X-Shard"), [][]string{{}, {"X-Shard", ""}, {"X-Shard", "a"}, {"X-Shard", "a", "X-Shard", "b"}, {"X-Shard", "a, b"}, {"X-Shard", "ab"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
				if tc.name != "S19 cookie" { // a page may say that it varies on what the key has
					for name := range r.Header {
						w.Header().Add("Vary", name)
					}
				}
			}}
			everywhere(t, &o, func(t *testing.T, srv *httptest.Server) {
				pages := make([]reply, len(tc.clients))
				for i, fields := range tc.clients {
					pages[i] = raw(t, srv, wire("GET", "/", fields...))
					wantRun(t, join(fields), pages[i])
				}
				for i, fields := range tc.clients {
					wantHit(t, join(fields)+" again", raw(t, srv, wire("GET", "/", fields...)), pages[i])
				}
			}, pagecache.Key(tc.key))
		})
	}
}

func join(fields []string) string {
	s := "client with"
	for _, f := range fields {
		s += " " + f
	}
	return s
}

// certificate makes one for a client; it is its own authority.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// overTLS sends a request with these client certificates.
func overTLS(t *testing.T, srv *httptest.Server, r *http.Request, certs ...tls.Certificate) reply {
	t.Helper()
	own := transport
	transport = srv.Client().Transport.(*http.Transport).Clone()
	defer func() {
		transport.CloseIdleConnections()
		transport = own
	}()
	transport.DisableCompression = true
	transport.TLSClientConfig.Certificates = certs
	return do(t, r)
}

// TestThreats_ClientCertificate: it names the client as Authorization does,
// whoever verified it: crypto/tls, or a function of the program, which leaves
// no verified chains behind.
func TestThreats_ClientCertificate(t *testing.T) {
	alice, bob := certificate(t, "alice"), certificate(t, "bob")
	authority := x509.NewCertPool()
	authority.AddCert(alice.Leaf)
	authority.AddCert(bob.Leaf)
	for name, config := range map[string]*tls.Config{
		"verified by crypto/tls":  {ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: authority},
		"verified by the program": {ClientAuth: tls.RequestClientCert, VerifyConnection: func(tls.ConnectionState) error { return nil }},
	} {
		for _, keyed := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", in the key"}[keyed], func(t *testing.T) {
				o := oracle{first: func(w http.ResponseWriter, r *http.Request) {
					if len(r.TLS.PeerCertificates) > 0 {
						w.Header().Set("X-Client", r.TLS.PeerCertificates[0].Subject.CommonName)
					}
				}}
				var opts []pagecache.Option
				if keyed {
					opts = append(opts, pagecache.Key(pagecache.ClientCertificate()))
				}
				srv := httptest.NewUnstartedServer(newCache(t, opts...).Page(time.Minute)(&o))
				srv.TLS = config.Clone()
				srv.StartTLS()
				defer srv.Close()
				for round := range 2 {
					for who, certs := range map[string][]tls.Certificate{"": nil, "alice": {alice}, "bob": {bob}} {
						got := overTLS(t, srv, request(t, "GET", srv.URL), certs...)
						if got.header.Get("X-Client") != who {
							t.Errorf("client %q got the page of %q", who, got.header.Get("X-Client"))
						}
						if who != "" && !keyed {
							wantReason(t, who, got, "client-certificate")
						} else if round > 0 && !got.hit() {
							t.Errorf("client %q, again: got %q, want a hit", who, got.cacheStatus())
						}
					}
				}
			})
		}
	}
}
