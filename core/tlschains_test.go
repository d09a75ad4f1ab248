package core_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A thousand chains, put together at random, are verified as the standard library
// verifies them, by name and by address.
func TestAThousandChains(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("the seed is %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	root, other := newAuthority(t, "root", nil), newAuthority(t, "other", nil)
	authorities := []*authority{
		root, root, root, newAuthority(t, "below", root), other,
		sign(t, x509.Certificate{Subject: pkix.Name{CommonName: "no authority"}}, root),
	}
	names := []string{
		"api.example.com", "*.example.com", "evil.example", "127.0.0.1", "a.b.example.com",
	}
	addresses := []net.IP{{127, 0, 0, 1}, {127, 0, 0, 2}, net.IPv6loopback}
	usages := [][]x509.ExtKeyUsage{
		nil, nil, {x509.ExtKeyUsageServerAuth}, {x509.ExtKeyUsageClientAuth}, {x509.ExtKeyUsageAny},
		{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	targets := []string{
		"api.example.com", "API.example.com", "x.example.com", "a.b.example.com", "127.0.0.1", "::1",
	}
	s := ready(t, rooted(root.pem()), nil)
	verified := 0
	for i := range 1000 {
		template := x509.Certificate{ExtKeyUsage: usages[dice.IntN(len(usages))]}
		for _, name := range names {
			if dice.IntN(3) == 0 {
				template.DNSNames = append(template.DNSNames, name)
			}
		}
		for _, ip := range addresses {
			if dice.IntN(3) == 0 {
				template.IPAddresses = append(template.IPAddresses, ip)
			}
		}
		if dice.IntN(6) == 0 {
			template.NotBefore = time.Now().Add(-2 * time.Hour)
			template.NotAfter = time.Now().Add(time.Duration(dice.IntN(2)*2-1) * time.Hour)
		}
		by, name := authorities[dice.IntN(len(authorities))], targets[dice.IntN(len(targets))]
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			addr := sign(t, template, by).serve(t)
			want := reach(addr, name, &tls.Config{RootCAs: root.pool(), ServerName: name})
			got := reach(addr, name, s.TLSConfig(&tls.Config{ServerName: name}))
			require.Equal(t, want == nil, got == nil, "%s, %q: %v, %v",
				name, template.DNSNames, want, got)
			if want == nil {
				verified++
			}
		})
	}
	require.Greater(t, verified, 50)
	require.Less(t, verified, 900)
}
