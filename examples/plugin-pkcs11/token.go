//go:build cgo

package main

import (
	"crypto/rsa"
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
		return nil, core.Errorf(core.BadConfig, "module: %s is not there", path)
	}
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil, core.Errorf(core.BadConfig, "module: %s is no PKCS #11 library", path)
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

// signNow makes one signature, in a session of its own.
func (p *provider) signNow(req core.SignRequest) ([]byte, error) {
	how, what, err := mechanism(p.leaf.PublicKey, req)
	if err != nil {
		return nil, err
	}
	ctx, err := load(p.Module)
	if err != nil {
		return nil, err
	}
	slot, err := p.slot(ctx)
	if err != nil {
		return nil, err
	}
	session, err := ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, explain("opening a session", err)
	}
	defer func() { _ = ctx.CloseSession(session) }()
	// The token counts a login for all sessions of this process.
	if err := ctx.Login(session, pkcs11.CKU_USER, p.PIN.Reveal()); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return nil, explain("logging in", err)
	}
	key, err := p.find(ctx, session)
	if err != nil {
		return nil, err
	}
	if err := ctx.SignInit(session, []*pkcs11.Mechanism{how}, key); err != nil {
		return nil, explain("signing", err)
	}
	signature, err := ctx.Sign(session, what)
	if err != nil {
		return nil, explain("signing", err)
	}
	return encode(p.leaf.PublicKey, signature)
}

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
	return 0, core.Errorf(core.Unavailable, "there is no token %q", p.Token)
}

// find finds the private key by its label, of the certificate's type.
func (p *provider) find(ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (pkcs11.ObjectHandle, error) {
	kind := uint(pkcs11.CKK_EC)
	if _, ok := p.leaf.PublicKey.(*rsa.PublicKey); ok {
		kind = pkcs11.CKK_RSA
	}
	err := ctx.FindObjectsInit(session, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, kind),
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_LABEL, p.Key),
	})
	if err != nil {
		return 0, explain("looking for the key", err)
	}
	found, _, err := ctx.FindObjects(session, 2)
	if end := ctx.FindObjectsFinal(session); err == nil {
		err = end
	}
	switch {
	case err != nil:
		return 0, explain("looking for the key", err)
	case len(found) == 0:
		return 0, core.Errorf(core.BadConfig, "the token %q has no private key %q of the certificate's type", p.Token, p.Key)
	case len(found) > 1:
		return 0, core.Errorf(core.BadConfig, "the token %q has several private keys %q", p.Token, p.Key)
	}
	return found[0], nil
}

// explain gives an error of the token its code.
func explain(doing string, err error) error {
	code := core.Unavailable
	var e pkcs11.Error
	if errors.As(err, &e) {
		switch e {
		case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED:
			code = core.Denied
		case pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID, pkcs11.CKR_KEY_TYPE_INCONSISTENT, pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
			code = core.BadConfig
		}
	}
	return core.Errorf(code, "%s: %w", doing, err)
}
