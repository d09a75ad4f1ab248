package servers

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// StartChromium starts a headless Chromium with an empty profile and returns
// the context of its first tab, for chromedp. It ends with the test.
func StartChromium(t testing.TB) context.Context {
	t.Helper()
	path := need(t, "chromium", "chromium-browser", "google-chrome")
	opts := append([]chromedp.ExecAllocatorOption{},
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(900, 640),
		chromedp.NoSandbox, // as root it has none
		chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.WSURLReadTimeout(30*time.Second),
	)
	allocator, release := chromedp.NewExecAllocator(context.Background(), opts...)
	tab, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(tab) // waits for the process
		closeTab()
		release()
	})
	require.NoError(t, chromedp.Do(tab), "Chromium did not start")
	return tab
}
