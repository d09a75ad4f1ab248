// Read on in remotekey.go.

package core

import (
	"context"
	"log/slog"
)

// providerLoggerKey is the key of the *setup of the session whose provider is called, or of
// the *slog.Logger of [WithProviderLogger].
type providerLoggerKey struct{}

func (providerLoggerKey) ownKey() {}

// withProviderLogger returns the context of a call into the provider, by which
// [ProviderLogger] finds the session's logger.
func (cfg *setup) withProviderLogger(ctx context.Context) context.Context {
	if cfg.opts.Logger == nil && ctx.Value(providerLoggerKey{}) == nil {
		return ctx
	}
	return context.WithValue(ctx, providerLoggerKey{}, cfg)
}

// contextOfCall returns the context of a call to Authenticate, SignIn or Revoke.
func (cfg *setup) contextOfCall(ctx context.Context) context.Context {
	return cfg.withProviderLogger(cfg.opts.withAuthTransport(ctx))
}

// ProviderLogger returns the logger of a session, [Options.Logger], with the attributes
// session and provider, if ctx is that of the session's call to Authenticate, SignIn or
// Revoke of its provider, or the logger of [WithProviderLogger]. Otherwise, and without that
// option, the result drops its records; it is never nil. A provider logs with it what an
// operator should know beside the error that it returns, or although it succeeds, such as a
// root certificate that it skips; never a secret (see [Printable]). What a plugin logs with
// it is in the plugin's log. It is safe for concurrent use.
func ProviderLogger(ctx context.Context) *slog.Logger {
	switch v := ctx.Value(providerLoggerKey{}).(type) {
	case *slog.Logger:
		if v != nil {
			return v
		}
	case *setup:
		if v.opts.Logger != nil {
			log := slog.New(guardedHandler{v.opts.Logger.Handler()})
			return log.With(slog.String("session", v.name), slog.String("provider", v.opts.Kind))
		}
	}
	return slog.New(slog.DiscardHandler)
}

// WithProviderLogger returns a context in which [ProviderLogger] returns log; nil is for a
// logger that drops its records. It is for what calls a provider without a session, such as
// the server of a plugin.
func WithProviderLogger(ctx context.Context, log *slog.Logger) context.Context {
	return context.WithValue(ctx, providerLoggerKey{}, log)
}

// guardedHandler drops panics of a handler, which is code of the program, so that they do
// not end a provider's call.
type guardedHandler struct{ handler slog.Handler }

// Enabled implements [slog.Handler].
func (h guardedHandler) Enabled(ctx context.Context, level slog.Level) (enabled bool) {
	recoverPanic(func() { enabled = h.handler.Enabled(ctx, level) })
	return enabled
}

// Handle implements [slog.Handler].
func (h guardedHandler) Handle(ctx context.Context, r slog.Record) (err error) {
	recoverPanic(func() { err = h.handler.Handle(ctx, r) })
	return err
}

// WithAttrs implements [slog.Handler].
func (h guardedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derived(func() slog.Handler { return h.handler.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h guardedHandler) WithGroup(name string) slog.Handler {
	return h.derived(func() slog.Handler { return h.handler.WithGroup(name) })
}

// derived returns what derive makes, or h if it panics.
func (h guardedHandler) derived(derive func() slog.Handler) slog.Handler {
	made := h.handler
	recoverPanic(func() { made = derive() })
	return guardedHandler{made}
}
