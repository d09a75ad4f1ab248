// Package demo starts what the examples talk to, on free ports of the
// loopback: for each of the environments prod and qa an authorization server
// and an API that checks who calls it.
//
// The authorization server is the OpenID provider of github.com/zitadel/oidc.
// None of this is part of a program that uses authsession: such a program
// talks to servers that are there.
package demo

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Servers are the servers of both environments. They are made by [Start] and
// safe for concurrent use.
type Servers struct {
	// Variables are what a configuration refers to as ${env:NAME}: where the
	// servers are, and what the clients authenticate with.
	Variables map[string]string

	dir   string // holds the certificates
	ca    *authority
	sites map[string]*site // by environment
	http  []*http.Server
}

// site is one environment.
type site struct {
	environment string
	issuer      string
	store       *store
	apiKey      string
	apiSecret   string       // the API's own, to ask about tokens
	client      *http.Client // the API's own, that trusts the authority
}

// Start starts the servers. Close ends them.
func Start() (s *Servers, err error) {
	s = &Servers{Variables: map[string]string{}, sites: map[string]*site{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.ca, err = newAuthority(); err != nil {
		return s, err
	}
	if err := s.writeCertificates(); err != nil {
		return s, err
	}
	for prefix, environment := range map[string]string{"PROD_": "prod", "QA_": "qa"} {
		if err := s.startSite(prefix, environment); err != nil {
			return s, fmt.Errorf("environment %s: %w", environment, err)
		}
	}
	return s, nil
}

// writeCertificates puts into files what users have in files.
func (s *Servers) writeCertificates() (err error) {
	if s.dir, err = os.MkdirTemp("", "authsession-demo-"); err != nil {
		return err
	}
	cert, key, err := s.ca.issue("ledger-reader")
	if err != nil {
		return err
	}
	for name, text := range map[string][]byte{"CA": s.ca.pem, "CLIENT_CERT": cert, "CLIENT_KEY": key} {
		path := filepath.Join(s.dir, name+".pem")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		s.Variables["DEMO_"+name] = path
	}
	return nil
}

func (s *Servers) startSite(prefix, environment string) error {
	e := &site{
		environment: environment,
		apiKey:      rand.Text(),
		apiSecret:   rand.Text(),
		client: &http.Client{
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.ca.pool}},
			Timeout:   10 * time.Second,
		},
	}
	s.sites[environment] = e
	secret := rand.Text()

	issuer, err := s.listen()
	if err != nil {
		return err
	}
	e.issuer = "https://" + issuer.Addr().String()
	e.store = newStore(map[string]client{
		"gs-app": {secret: secret, lifetime: time.Hour},
		"reports": {
			secret:   secret,
			lifetime: 3*time.Second + 200*time.Millisecond,
		}, // expires_in is in whole seconds
		apiClient: {secret: e.apiSecret},
	})
	provider, err := newProvider(e.issuer, e.store)
	if err != nil {
		return err
	}
	s.serve(issuer, provider)

	api, err := s.listen()
	if err != nil {
		return err
	}
	s.serve(api, e)

	s.Variables["DEMO_"+prefix+"ISSUER"] = e.issuer
	s.Variables["DEMO_"+prefix+"API"] = "https://" + api.Addr().String()
	s.Variables["DEMO_"+prefix+"SECRET"] = secret
	s.Variables["DEMO_"+prefix+"KEY"] = e.apiKey
	return nil
}

// listen opens a free port with a certificate of the authority's. A client's
// certificate is checked if it presents one.
func (s *Servers) listen() (net.Listener, error) {
	cert, key, err := s.ca.issue("localhost")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		ClientAuth:   tls.VerifyClientCertIfGiven,
		ClientCAs:    s.ca.pool,
		NextProtos:   []string{"http/1.1"},
	})
}

func (s *Servers) serve(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	s.http = append(s.http, server)
	go func() { _ = server.Serve(l) }()
}

// Environ returns Variables as "NAME=value".
func (s *Servers) Environ() []string {
	var list []string
	for name, value := range s.Variables {
		list = append(list, name+"="+value)
	}
	return list
}

// Transport returns a transport that trusts the servers.
func (s *Servers) Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: s.ca.pool, MinVersion: tls.VersionTLS12}
	return t
}

// Revoke ends every token that an environment's authorization server has
// issued, behind the clients' backs. An unknown environment has none.
func (s *Servers) Revoke(environment string) {
	if e := s.sites[environment]; e != nil {
		e.store.revokeAll()
	}
}

// Close ends the servers and removes their files.
func (s *Servers) Close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, server := range s.http {
		if server.Shutdown(ctx) != nil {
			errs = append(errs, server.Close())
		}
	}
	for _, e := range s.sites {
		e.client.CloseIdleConnections()
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
