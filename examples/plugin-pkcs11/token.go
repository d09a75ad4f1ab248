//go:build cgo

package main

import (
	"crypto/x509"
	"errors"
	"os"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/authsession/authsession/core"
)

// modules are the libraries that are loaded: each once, and for good.
var modules struct {
	sync.Mutex // guards loaded
	loaded     map[string]*pkcs11.Ctx
}

func load(path string) (*pkcs11.Ctx, error) {
	modules.Lock()
	defer modules.Unlock()
	if ctx := modules.loaded[path]; ctx != nil {
		return ctx, nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "module: %s is not there", path)
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, core.Errorf(core.CodeBadConfig, "module: %s is no PKCS #11 library", path)
	}
	if err := ctx.Initialize(); err != nil {
		ctx.Destroy()
		return nil, explain("the library does not start", err)
	}
	if modules.loaded == nil {
		modules.loaded = map[string]*pkcs11.Ctx{}
	}
	modules.loaded[path] = ctx
	return ctx, nil
}

// session is a session with the token in which the key was found.
type session struct {
	ctx    *pkcs11.Ctx
	handle pkcs11.SessionHandle
	key    pkcs11.ObjectHandle
	kind   uint // CKK_EC, CKK_RSA
	id     []byte
	label  string
}

// open logs in and finds the key. The caller closes the session.
func (p *provider) open() (*session, error) {
	ctx, err := load(p.Module)
	if err != nil {
		return nil, err
	}
	slot, err := p.slot(ctx)
	if err != nil {
		return nil, err
	}
	handle, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, explain("opening a session", err)
	}
	s := &session{ctx: ctx, handle: handle}
	// The token counts a login for all sessions of this process.
	if err := ctx.Login(handle, pkcs11.CKU_USER, p.PIN.Reveal()); err != nil &&
		!errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		s.close()
		return nil, explain("logging in", err)
	}
	if err := p.find(s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) close() { _ = s.ctx.CloseSession(s.handle) }

// slot finds the token by its label.
func (p *provider) slot(ctx *pkcs11.Ctx) (uint, error) {
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		return 0, explain("listing the tokens", err)
	}
	for _, slot := range slots {
		if info, err := ctx.GetTokenInfo(slot); err == nil && info.Label == p.Token {
			return slot, nil
		}
	}
	return 0, core.Errorf(core.CodeUnavailable, "there is no token %q", p.Token)
}

// find finds the private key by its label, its id or both.
func (p *provider) find(s *session) error {
	query := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}
	if p.Key != "" {
		query = append(query, pkcs11.NewAttribute(pkcs11.CKA_LABEL, p.Key))
	}
	if len(p.id) > 0 {
		query = append(query, pkcs11.NewAttribute(pkcs11.CKA_ID, p.id))
	}
	found, err := s.search(query, 2)
	switch {
	case err != nil:
		return explain("looking for the key", err)
	case len(found) == 0:
		return core.Errorf(core.CodeBadConfig, "the token %q has no private key %q", p.Token, p.name())
	case len(found) > 1:
		return core.Errorf(
			core.CodeBadConfig,
			"the token %q has several private keys %q: give key and key_id",
			p.Token,
			p.name(),
		)
	}
	s.key = found[0]
	for _, kind := range []uint{pkcs11.CKK_EC, pkcs11.CKK_RSA} {
		same, err := s.search(append(query, pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind)), 1)
		if err != nil {
			return explain("looking at the key", err)
		}
		if len(same) == 1 {
			s.kind = kind
			s.id, s.label, err = s.names(s.key)
			return err
		}
	}
	return core.Errorf(core.CodeBadConfig, "the private key %q is neither RSA nor ECDSA", p.name())
}

// search returns at most limit objects.
func (s *session) search(query []*pkcs11.Attribute, limit int) ([]pkcs11.ObjectHandle, error) {
	if err := s.ctx.FindObjectsInit(s.handle, query); err != nil {
		return nil, err
	}
	found, _, err := s.ctx.FindObjects(s.handle, limit)
	return found, errors.Join(err, s.ctx.FindObjectsFinal(s.handle))
}

// names returns an object's id and label.
func (s *session) names(object pkcs11.ObjectHandle) (id []byte, label string, err error) {
	values, err := s.ctx.GetAttributeValue(
		s.handle,
		object,
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_ID, nil),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil),
		},
	)
	if err != nil {
		return nil, "", explain("reading an id", err)
	}
	return values[0].Value, string(values[1].Value), nil
}

// stored is a certificate in the token.
type stored struct {
	id    []byte
	label string
	cert  *x509.Certificate
}

// certificates returns those of the token that can be read, at most 100.
func (s *session) certificates() ([]stored, error) {
	objects, err := s.search([]*pkcs11.Attribute{
		pkcs11.NewAttribute(
			pkcs11.CKA_CLASS,
			pkcs11.CKO_CERTIFICATE,
		), pkcs11.NewAttribute(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
	}, 100)
	if err != nil {
		return nil, explain("looking for certificates", err)
	}
	var out []stored
	for _, object := range objects {
		id, label, err := s.names(object)
		if err != nil {
			return nil, err
		}
		value, err := s.ctx.GetAttributeValue(
			s.handle,
			object,
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)},
		)
		if err != nil {
			return nil, explain("reading a certificate", err)
		}
		if cert, err := x509.ParseCertificate(value[0].Value); err == nil {
			out = append(out, stored{id, label, cert})
		}
	}
	return out, nil
}

// sign makes one signature with the key.
func (s *session) sign(req core.SignatureRequest) ([]byte, error) {
	how, what, err := mechanism(s.kind, req)
	if err != nil {
		return nil, err
	}
	if err := s.ctx.SignInit(s.handle, []*pkcs11.Mechanism{how}, s.key); err != nil {
		return nil, explain("signing", err)
	}
	signature, err := s.ctx.Sign(s.handle, what)
	if err != nil {
		return nil, explain("signing", err)
	}
	return encode(s.kind, signature)
}

// explain gives an error of the token its code.
func explain(doing string, err error) error {
	code := core.CodeUnavailable
	var e pkcs11.Error
	if errors.As(err, &e) {
		switch e {
		case pkcs11.CKR_PIN_INCORRECT,
			pkcs11.CKR_PIN_INVALID,
			pkcs11.CKR_PIN_LEN_RANGE,
			pkcs11.CKR_PIN_EXPIRED,
			pkcs11.CKR_PIN_LOCKED:
			code = core.CodeDenied
		case pkcs11.CKR_MECHANISM_INVALID,
			pkcs11.CKR_MECHANISM_PARAM_INVALID,
			pkcs11.CKR_KEY_TYPE_INCONSISTENT,
			pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED,
			pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
			code = core.CodeBadConfig
		}
	}
	return core.Errorf(code, "%s: %w", doing, err)
}
