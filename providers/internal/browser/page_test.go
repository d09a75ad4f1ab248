package browser_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/authsession/authsession/providers/internal/browser"
	"github.com/stretchr/testify/require"
)

// A page loads nothing, runs nothing and is accessible.
func TestPages(t *testing.T) {
	seen := map[string]browser.Kind{}
	for _, kind := range browser.Kinds {
		page := string(browser.Page(kind, `<script>"&login.example.com`))
		require.Contains(t, page, `<html lang="en">`)
		require.Contains(t, page, "<title>")
		require.Equal(t, 1, strings.Count(page, "<h1>"))
		require.Contains(t, page, `name="viewport"`)
		require.Contains(t, page, "prefers-color-scheme: dark")
		require.NotContains(t, page, `<script>"`, "the server's name is not escaped")
		require.Equal(t, kind == browser.NoAnswer, strings.Contains(page, "<script"), kind)
		require.Contains(t, page, "&lt;script&gt;")
		for _, loads := range []string{"http:", "https:", "url(", "@import", "src=", "href=", " on"} {
			if loads == " on" {
				require.NotRegexp(t, ` on[a-z]+=`, page)
				continue
			}
			require.NotContains(t, page, loads)
		}
		title := regexp.MustCompile(`<title>(.*)</title>`).FindStringSubmatch(page)[1]
		require.NotContains(t, seen, title)
		seen[title] = kind
		require.NotContains(t, string(browser.Page(kind, "")), "Sign-in at")
	}
}

// The style is allowed by its hash and by nothing else.
func TestPolicy(t *testing.T) {
	l := listen(t, browser.Config{})
	waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
	_, page, header := get(t, l.URL()+"?state=other")
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)[1]
	sum := sha256.Sum256([]byte(style))
	policy := header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none';")
	require.Contains(t, policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	require.NotContains(t, policy, "unsafe")
	require.NotContains(t, page, "style=", "an attribute that the policy stops")
	require.NotContains(t, policy, "script-src")

	_, page, header = get(t, l.URL())
	script := regexp.MustCompile(`(?s)<script>(.*)</script>`).FindStringSubmatch(page)[1]
	sum = sha256.Sum256([]byte(script))
	policy = header.Get("Content-Security-Policy")
	require.Contains(t, policy, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	require.NotContains(t, policy, "unsafe")
	get(t, l.URL()+"?state=the+state")
}

// Text and signs stand out from their background (WCAG 2.2 §1.4.3: 4.5 to 1).
func TestContrast(t *testing.T) {
	page := string(browser.Page(browser.SignedIn, ""))
	schemes := regexp.MustCompile(
		`--back: (#\w+); --card: (#\w+); --edge: #\w+; --text: (#\w+); --soft: (#\w+);\s+--good: (#\w+); --bad: (#\w+); --calm: (#\w+);`,
	).FindAllStringSubmatch(page, -1)
	require.Len(t, schemes, 2, "light and dark")
	for _, colors := range schemes {
		card := luminance(t, colors[2])
		for _, color := range colors[3:] {
			a, b := card, luminance(t, color)
			require.GreaterOrEqual(t, (max(a, b)+.05)/(min(a, b)+.05), 4.5, "%s on %s", color, colors[2])
		}
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	var rgb [3]uint8
	_, err := fmt.Sscanf(color, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2])
	require.NoError(t, err)
	sum := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		c := float64(rgb[i]) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
