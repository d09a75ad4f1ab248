package command

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// defaultSTS is the address of the Security Token Service for all regions.
const defaultSTS = "https://sts.amazonaws.com"

// awsOptions are how keys are obtained for a token.
type awsOptions struct {
	role     string
	sts      string
	name     string
	duration time.Duration
}

func (a *app) helperAWSCommand() *cobra.Command {
	var o awsOptions
	cmd := &cobra.Command{
		Use:   "aws NAME",
		Short: "Print keys for AWS tools, as a credential_process",
		Long: `helper aws prints the document that AWS tools expect of a credential_process.

With --role-arn it exchanges the bearer token of the session, such as an OpenID Connect
token, at the Security Token Service for keys of the role (AssumeRoleWithWebIdentity).
The address of the service has to be one of the session's origins. Without it, the
session is of the kind exec and its command prints such a document: the helper then
runs it only when it is time, for all tools together.`,
		Example: `  authsession setup aws work --role-arn arn:aws:iam::123456789012:role/dev --write
  authsession helper aws work --role-arn arn:aws:iam::123456789012:role/dev`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.helpAWS(cmd.Context(), args[0], o)
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *awsOptions) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.role, "role-arn", "", "the `role` whose keys are wanted")
	cmd.Flags().StringVar(&o.sts, "sts-url", defaultSTS,
		"`address` of the Security Token Service")
	cmd.Flags().StringVar(&o.name, "role-session-name", "authsession",
		"`name` of the role's session, for AWS's logs")
	cmd.Flags().DurationVar(&o.duration, "duration", time.Hour,
		"how long the keys of the role are valid")
}

// awsDocument is what a credential_process prints.
type awsDocument struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
}

// awsMinimum is how long keys should be valid: AWS tools run the process twice for
// keys that have less than a quarter of an hour.
const awsMinimum = 20 * time.Minute

func (a *app) helpAWS(ctx context.Context, name string, o awsOptions) error {
	h, err := a.helped(ctx, name)
	if err != nil {
		return err
	}
	minimum := awsMinimum
	if o.role != "" {
		minimum = defaultMinimum // of the token
	}
	c, err := h.obtain(ctx, need{minimum: minimum})
	if err != nil {
		return err
	}
	defer h.close(ctx, c)
	var out awsDocument
	if o.role == "" {
		out, err = awsKeys(name, c)
	} else {
		out, err = a.assumeRole(ctx, h.session, c, o)
	}
	if err != nil {
		return err
	}
	return writeJSONLine(a.stdout, out)
}

// awsKeys returns the keys of a session of the kind exec, whose renewal has them.
func awsKeys(name string, c core.Credential) (awsDocument, error) {
	var out awsDocument
	err := json.Unmarshal([]byte(c.RefreshState.Reveal()), &out)
	if err != nil || out.AccessKeyID == "" || out.SecretAccessKey == "" {
		return awsDocument{}, thenOf(name, core.Errorf(core.CodeBadConfig,
			"session %q has no AWS keys: give --role-arn "+
				"for a bearer token, or use a session of the kind exec whose command prints keys", name),
			"help", "helper", "aws")
	}
	out.Version, out.Expiration = 1, ""
	if !c.Expiry.IsZero() {
		out.Expiration = c.Expiry.UTC().Format(time.RFC3339)
	}
	return out, nil
}

// stsAnswer is the answer of AssumeRoleWithWebIdentity.
type stsAnswer struct {
	Result struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      string
		}
	} `xml:"AssumeRoleWithWebIdentityResult"`
}

type stsError struct {
	Error struct{ Code, Message string }
}

// assumeRole exchanges the token of a session for keys.
func (a *app) assumeRole(
	ctx context.Context, s *core.Session, c core.Credential, o awsOptions,
) (awsDocument, error) {
	token, err := bearer(s.Name(), c)
	if err != nil {
		return awsDocument{}, err
	}
	u, err := url.Parse(o.sts)
	if err != nil || u.Host == "" {
		return awsDocument{}, wrong("--sts-url is not absolute, as https://sts.amazonaws.com")
	}
	if !covers(s, u) {
		return awsDocument{}, thenOf(s.Name(), core.Errorf(core.CodeOriginRefused,
			"%s is not among the origins of session %q: "+
				"add it if the token may go there", core.OriginText(u), s.Name()),
			"config", "explain", s.Name(), "origins")
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {o.role}, "RoleSessionName": {o.name}, "WebIdentityToken": {token.Reveal()},
		"DurationSeconds": {strconv.Itoa(int(o.duration.Seconds()))},
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	body, err := postSTS(ctx, o.sts, form, token)
	if err != nil {
		err = core.Prefix(err, fmt.Sprintf("session %q: the Security Token Service", s.Name()))
		return awsDocument{}, thenOf(s.Name(), err)
	}
	out, err := readSTS(body, s.Name())
	return out, thenOf(s.Name(), err)
}

func postSTS(ctx context.Context, address string, form url.Values, token core.Secret) ([]byte,
	error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address,
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, wrong("--sts-url cannot be used")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := providerhttp.NewClient(nil).Do(req)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the answer broke off")
	}
	err = providerhttp.AnswerError(resp, body, token)
	var refusal stsError
	if err != nil && xml.Unmarshal(body, &refusal) == nil && refusal.Error.Code != "" {
		text := core.Printable(refusal.Error.Code+": "+refusal.Error.Message, 300, token)
		err = core.Errorf(core.CodeOf(err), "answers %d: %s", resp.StatusCode, text)
	}
	return body, err
}

// readSTS reads the keys of an answer.
func readSTS(body []byte, name string) (awsDocument, error) {
	var answer stsAnswer
	err := xml.Unmarshal(body, &answer)
	keys := answer.Result.Credentials
	missing := keys.AccessKeyID == "" || keys.SecretAccessKey == "" || keys.SessionToken == ""
	if err == nil && missing {
		err = errors.New("there are no keys in it")
	}
	if err == nil {
		// Without an expiry, AWS tools would use the keys without end.
		_, err = time.Parse(time.RFC3339, keys.Expiration)
	}
	if err != nil {
		return awsDocument{}, core.Errorf(core.CodeUnavailable,
			"session %q: the answer of the Security Token Service makes no sense", name)
	}
	return awsDocument{1, keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken,
		keys.Expiration}, nil
}
