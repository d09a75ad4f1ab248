package authsession_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

// helperEnv names the way of a helper process, and makes this test binary one.
const helperEnv = "HELPER_WAY"

// helperFile is the configuration of all processes of this test.
const helperFile = `
store: {kind: file, path: "${env:HELPER_DIR}/credentials", key_file: "${env:HELPER_DIR}/key"}
sessions:
  drive:
    provider: oauth2
    origins: ["${env:HELPER_URL}"]
    settings:
      grant: authorization_code
      client_id: helper
      token_url: "${env:HELPER_URL}/token"
      authorization_url: "${env:HELPER_URL}/authorize"
`

// helperWays are what a helper does with the token that it restored, or else obtained by Init.
var helperWays = map[string]func(context.Context, *core.Session) error{
	"use": func(ctx context.Context, s *core.Session) error {
		return wantStatus(callAPI(ctx, s))
	},
	"reject": func(ctx context.Context, s *core.Session) error {
		status, token, err := callAPI(ctx, s)
		if status != http.StatusUnauthorized || err != nil {
			return wantStatus(status, token, err)
		}
		_, err = s.RejectStored(ctx, token)
		return err
	},
	"reject and end": func(ctx context.Context, s *core.Session) error {
		status, token, err := callAPI(ctx, s)
		if status != http.StatusUnauthorized || err != nil {
			return wantStatus(status, token, err)
		}
		if _, err = s.RejectStored(ctx, token); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		_ = get(ctx, "/spent") // if a renewal begins, the process ends in the middle of it
		os.Exit(0)             // without Close
		return nil
	},
	"renew": func(ctx context.Context, s *core.Session) error {
		status, token, err := callAPI(ctx, s)
		if status != http.StatusUnauthorized || err != nil {
			return wantStatus(status, token, err)
		}
		if err := s.Renew(ctx); err != nil {
			return err
		}
		return wantStatus(callAPI(ctx, s))
	},
	"client": func(ctx context.Context, s *core.Session) error {
		resp, err := s.Client().Get(os.Getenv("HELPER_URL") + "/api")
		if err != nil {
			return err
		}
		return wantStatus(resp.StatusCode, core.Secret{}, resp.Body.Close())
	},
	"leave": func(ctx context.Context, s *core.Session) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer cancel()
			_ = get(ctx, "/spent") // by this process or another one
		}()
		if err := s.Renew(ctx); err != nil && !errors.Is(err, core.CodeUnavailable) {
			return err
		}
		return nil // the Close that follows saves what the renewal obtains
	},
	"force": func(ctx context.Context, s *core.Session) error { return s.Renew(ctx) },
	"lock": func(ctx context.Context, s *core.Session) error {
		_, err := s.RejectStored(ctx, core.NewSecret("another token"))
		return err
	},
}

// helperMain is a helper process: it takes the stored credential, uses it and ends.
func helperMain(way string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := runHelper(ctx, helperWays[way]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func runHelper(ctx context.Context, use func(context.Context, *core.Session) error) error {
	ui := &core.UI{Open: func(context.Context, string) error {
		return core.Errorf(core.CodeDenied, "a person was asked")
	}}
	cfg, err := authsession.Load(ctx, &authsession.Options{Session: core.Options{UI: ui}})
	if err != nil {
		return err
	}
	s, err := cfg.Session("drive")
	if err != nil {
		return err
	}
	if err := meet(ctx, "started"); err != nil {
		return err
	}
	if ok, err := s.Restore(ctx); err != nil {
		return err
	} else if !ok {
		if err := s.Init(ctx); err != nil {
			return err
		}
	}
	if err := meet(ctx, "restored"); err != nil {
		return err
	}
	return errors.Join(use(ctx, s), cfg.Close(ctx))
}

// meet returns when all processes of a burst have called it.
func meet(ctx context.Context, where string) error { return get(ctx, "/meet?at="+where) }

func get(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("HELPER_URL")+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// callAPI sends a request that the session does not see, and returns the answer's status.
func callAPI(ctx context.Context, s *core.Session) (int, core.Secret, error) {
	c, err := s.Credential(ctx)
	if err != nil {
		return 0, core.Secret{}, err
	}
	token, _ := c.Token()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("HELPER_URL")+"/api", nil)
	if err != nil {
		return 0, token, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, token, err
	}
	return resp.StatusCode, token, resp.Body.Close()
}

func wantStatus(status int, _ core.Secret, err error) error {
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the API answered %d", status)
	}
	return err
}
