package certs_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// TestRenewedCertificates proves which of several certificates of one key is used: the valid one
// that ends last, wherever it is in the file; and if none is valid, which of them the error is
// about.
func TestRenewedCertificates(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	key := edKey(t)
	now := time.Now()
	issue := func(name string, from, until time.Duration) certstest.Pair {
		return ca.Issue(t, certstest.Options{Name: name, Key: key, NotBefore: now.Add(from),
			NotAfter: now.Add(until)})
	}
	expired := issue("expired", -3*time.Hour, -time.Hour)
	older := issue("older", -4*time.Hour, -2*time.Hour)
	soon := issue("ends soon", -time.Hour, time.Hour)
	last := issue("ends last", -2*time.Hour, 3*time.Hour)
	future := issue("future", time.Hour, 9*time.Hour)
	for _, c := range []struct {
		name  string
		pairs []certstest.Pair
		want  string // the name of the certificate that is used
		fault string
	}{
		{"expired first", []certstest.Pair{expired, soon}, "ends soon", ""},
		{"expired last", []certstest.Pair{soon, expired}, "ends soon", ""},
		{"two that are valid", []certstest.Pair{soon, last}, "ends last", ""},
		{"two that are valid, in the other order", []certstest.Pair{last, soon}, "ends last", ""},
		{"one that is not yet valid", []certstest.Pair{future, soon}, "ends soon", ""},
		{"all of them", []certstest.Pair{future, older, last, soon, expired}, "ends last", ""},
		{"expired twice", []certstest.Pair{older, expired}, "",
			"the certificate expired at " + expired.X509.NotAfter.UTC().Format(time.RFC3339)},
		{"expired and not yet valid", []certstest.Pair{future, expired}, "",
			"is not valid before " + future.X509.NotBefore.UTC().Format(time.RFC3339)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []byte
			var parsed []*x509.Certificate
			for _, p := range c.pairs {
				list, parsed = append(list, p.Cert...), append(parsed, p.X509)
			}
			list = append(list, ca.PEM...)
			p12, err := pkcs12.Modern.Encode(key, parsed[0], append(parsed[1:], ca.X509), "x")
			require.NoError(t, err)
			for form, cfg := range map[string]certs.Config{
				"files":   {CertFile: write(t, "c", list), KeyFile: write(t, "k", expired.Key)},
				"one":     {CertFile: write(t, "c", list, expired.Key)},
				"text":    {Cert: secret(list, expired.Key)},
				"PKCS 12": {P12File: write(t, "p", p12), P12Password: core.NewSecret("x")},
			} {
				b, err := cfg.Load(t.Context(), false)
				if c.fault != "" {
					require.ErrorIs(t, err, core.CodeBadConfig, form)
					require.ErrorContains(t, err, c.fault, form)
					continue
				}
				require.NoError(t, err, form)
				require.Equal(t, c.want, b.Leaf.Subject.CommonName, form)
				blocks := strings.Count(b.Cert.Reveal(), "BEGIN CERTIFICATE")
				require.Equal(t, 2, blocks, form+": the others have other names, and issue none")
			}
			_, leaf, err := certs.ParseKey(append(list, expired.Key...), certs.Password{})
			require.NoError(t, err)
			if c.want != "" {
				require.Equal(t, c.want, leaf.Subject.CommonName, "x5t of client assertions")
			}
		})
	}
}

// TestReplacedCertificatesAreNotSent proves that what a renewed certificate or issuer replaces is
// not shown to servers, and that an issuer that two authorities have certified stays.
func TestReplacedCertificatesAreNotSent(t *testing.T) {
	now := time.Now()
	root, other := certstest.NewCA(t, "root"), certstest.NewCA(t, "other root")
	subKey, key := edKey(t), edKey(t)
	sub := root.IntermediateOf(t, certstest.Options{Name: "sub", Key: subKey})
	subOld := root.IntermediateOf(t, certstest.Options{Name: "sub", Key: subKey,
		NotAfter: now.Add(-time.Minute)})
	cross := other.IntermediateOf(t, certstest.Options{Name: "sub", Key: subKey})
	impostor := other.IntermediateOf(t, certstest.Options{Name: "sub",
		NotAfter: now.Add(99 * time.Hour)})
	leaf := sub.Issue(t, certstest.Options{Name: "client", Key: key})
	leafOld := sub.Issue(t, certstest.Options{Name: "client", Key: key, NotAfter: now.Add(time.Minute)})

	b, err := certs.Config{Cert: secret(leafOld.Cert, impostor.PEM, subOld.PEM, leaf.Cert, sub.PEM,
		leaf.Key)}.Load(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, string(leaf.Cert)+string(sub.PEM)+string(impostor.PEM)+string(leaf.Key),
		b.Cert.Reveal(), "an issuer is the one whose key has signed")

	b, err = certs.Config{Cert: secret(leaf.Cert, sub.PEM, cross.PEM, leaf.Key)}.Load(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, string(leaf.Cert)+string(sub.PEM)+string(cross.PEM)+string(leaf.Key),
		b.Cert.Reveal())
}

// TestTheNextCertificateIsUsedInTime proves that a renewed certificate that lies in the file before
// it is valid is used when the first one ends.
func TestTheNextCertificateIsUsedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, key, now := certstest.NewCA(t, "ca"), edKey(t), time.Now()
		first := ca.Issue(t, certstest.Options{Name: "first", Key: key, NotAfter: now.Add(time.Hour)})
		next := ca.Issue(t, certstest.Options{Name: "next", Key: key,
			NotBefore: now.Add(50 * time.Minute), NotAfter: now.Add(9 * time.Hour)})
		cfg := certs.Config{CertFile: write(t, "c", first.Cert, next.Cert, first.Key)}
		for _, want := range []string{"first", "next", "next"} {
			b, err := cfg.Load(t.Context(), true)
			require.NoError(t, err)
			require.Equal(t, want, b.Leaf.Subject.CommonName)
			time.Sleep(55 * time.Minute)
		}
	})
}

// TestSkippedRootsAreLogged proves that a root that cannot be read is a warning of the session's,
// once, and does not prevent the others from being used.
func TestSkippedRootsAreLogged(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	var log strings.Builder
	ctx := core.WithProviderLogger(context.Background(), slog.New(slog.NewTextHandler(&log, nil)))
	file := write(t, "ca.pem", block("CERTIFICATE", []byte("hunter2")), ca.PEM)
	cfg := certs.Config{CAFile: file}
	_, err := cfg.Load(t.Context(), false) // without a logger
	require.NoError(t, err)
	for range 3 {
		b, err := cfg.Load(ctx, true)
		require.NoError(t, err)
		require.Equal(t, string(ca.PEM), b.Roots)
	}
	require.Equal(t, 1, strings.Count(log.String(), "level=WARN"), log.String())
	require.Contains(t, log.String(), "a root certificate is skipped")
	require.Contains(t, log.String(), "ca.pem")
	require.Contains(t, log.String(), "certificate 1 cannot be read")
	require.NotContains(t, log.String(), "hunter2")
}
