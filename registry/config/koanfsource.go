// Read on in resolvers.go.

package config

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

const defaultSourceTimeout = 30 * time.Second

// checkSources reports sources that a program has made wrongly.
func checkSources(sources []*KoanfSource) error {
	var errs []error
	add := func(format string, args ...any) {
		errs = append(errs, core.Errorf(core.CodeBadConfig, format, args...))
	}
	for i, s := range sources {
		if s == nil {
			add("source %d of Options.Sources is nil", i)
			continue
		}
		same := func(other *KoanfSource) bool { return other != nil && other.Name == s.Name }
		switch {
		case s.Name == "":
			add("source %d of Options.Sources has no Name", i)
		case slices.ContainsFunc(sources[:i], same):
			add("the source %q is in Options.Sources twice", s.Name)
		case s.Provider == nil && s.Koanf == nil:
			add("the source %q has neither a Provider nor a Koanf", s.Name)
		case s.Koanf != nil && (s.Provider != nil || s.Parser != nil):
			add("the source %q has a Koanf and a Provider or Parser: give one of them", s.Name)
		}
	}
	return errors.Join(errs...)
}

// isUntyped reports whether texts of a source are read as the types of their keys.
func isUntyped(sources []*KoanfSource) bool {
	return slices.ContainsFunc(sources, func(s *KoanfSource) bool { return s.Parser == nil })
}

// readSources reads all sources at the same time. An error says that ctx ended,
// and names a source that did not answer.
func readSources(ctx context.Context, sources []*KoanfSource) ([]sourceReading, error) {
	out := make([]sourceReading, len(sources))
	var wait sync.WaitGroup
	for i, s := range sources {
		wait.Go(func() { out[i] = s.read(ctx) })
	}
	wait.Wait()
	for _, r := range out {
		if ctx.Err() != nil && r.err != nil {
			return nil, core.Errorf(core.CodeUnavailable, "source %q: %w", r.source.Name, r.err)
		}
	}
	return out, nil
}

// read reads the source, after the reading that runs, and returns when ctx ends
// or after the source's Timeout at the latest.
func (s *KoanfSource) read(ctx context.Context) sourceReading {
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = defaultSourceTimeout
	}
	late := fmt.Errorf("no answer within %v", timeout)
	bounded, cancel := context.WithTimeoutCause(ctx, timeout, late)
	defer cancel()
	done, err := s.begin(bounded)
	if err != nil {
		return sourceReading{source: s, err: err}
	}
	result := sourceReading{source: s, err: errors.New("the Provider ended its goroutine")}
	go func() {
		defer s.end(done)
		defer func() {
			if p := recover(); p != nil { // its value may be anything
				result.err = fmt.Errorf("the Provider or Parser panicked with a %T", p)
			}
		}()
		result.values, result.err = s.readNow()
	}()
	select {
	case <-done:
		return result
	case <-bounded.Done():
		return sourceReading{source: s, err: context.Cause(bounded)}
	}
}

// begin waits until no reading runs, and notes that one does.
func (s *KoanfSource) begin(ctx context.Context) (chan struct{}, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		s.mu.Lock()
		running := s.reading
		if running == nil {
			s.reading = make(chan struct{})
			defer s.mu.Unlock()
			return s.reading, nil
		}
		s.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
		}
	}
}

func (s *KoanfSource) end(done chan struct{}) {
	s.mu.Lock()
	s.reading = nil
	s.mu.Unlock()
	close(done)
}

// readNow reads the source on the caller's goroutine.
func (s *KoanfSource) readNow() (map[string]any, error) {
	switch {
	case s.Koanf != nil:
		return s.Koanf.Raw(), nil
	case s.Parser == nil:
		values, err := s.Provider.Read()
		return values, withoutSecrets(err)
	}
	data, err := s.Provider.ReadBytes()
	if err != nil {
		return nil, withoutSecrets(err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("larger than %d MiB", maxFile>>20)
	}
	values, err := s.Parser.Unmarshal(data)
	if err != nil {
		return nil, parserError(s.Parser, err)
	}
	return values, nil
}

var (
	userInfo  = regexp.MustCompile(`//[^/@\s"]*@`)
	urlQuery  = regexp.MustCompile(`\?[^\s"]*`)
	errorLine = regexp.MustCompile(`(?i)\bline:? (\d{1,9})\b`)
)

// withoutSecrets returns the error of a Provider as text, without the parts of
// URLs that may be secret.
func withoutSecrets(err error) error {
	if err == nil {
		return nil
	}
	text := userInfo.ReplaceAllString(err.Error(), "//REDACTED@")
	text = urlQuery.ReplaceAllString(text, "?REDACTED")
	return errors.New(core.Printable(text, 500))
}

// parserError returns the error of a Parser without its text, which may quote
// values, but with the line that it names.
func parserError(parser any, err error) error {
	text := fmt.Sprintf("the Parser (%T) cannot read it", parser)
	if m := errorLine.FindStringSubmatch(err.Error()); m != nil {
		if line, e := strconv.Atoi(m[1]); e == nil {
			text += fmt.Sprintf(" at line %d", line)
		}
	}
	return errors.New(text)
}
