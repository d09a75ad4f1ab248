# "make test" needs nothing but Go; CONTRIBUTING.md says which target is for what.
MODULES  = . cmd/authsession examples test
FUZZTIME = 5000x
export GOWORK = off
CHECKED  = $(MODULES) examples/plugin-pkcs11
each = @set -e; for m in $(2); do (cd $$m; set -x; $(1)); done

.PHONY: test fuzz servers acceptance bench mutate check generate
test:
	$(call each,go test -race ./...,$(MODULES))
	@$(MAKE) --no-print-directory fuzz
fuzz:
	@set -e; go test -list '^Fuzz' ./... >/dev/null; \
	go test -list '^Fuzz' ./... | awk '/^Fuzz/ {n[++i]=$$1} /^ok/ {for (; i; i--) print $$2, n[i]}' | while read -r pkg name; do \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg"; done
servers:
	test/servers/install.sh
acceptance:
	cd test && go test -race -tags acceptance ./...
	examples/plugin-python/check.sh
	cd examples/plugin-pkcs11 && go test -race -tags acceptance ./...
bench: ; cd test && go run ./bench
mutate: ; cd test && go run ./mutation
generate:
	plugins/proto/generate.sh && examples/plugin-python/generate.sh
	git diff --exit-code -- plugins examples
check:
	@test -z "$$(gofmt -l *.go internal grpcsession core registry providers plugins store terminal examples test | tee /dev/stderr)"
	$(call each,for os in linux darwin windows; do GOOS=$$os go vet ./...; done,$(CHECKED))
	$(call each,$$(cd $(CURDIR)/examples && go tool -n staticcheck) ./...,$(CHECKED))
	$$(cd examples && go tool -n gocognit) -over 15 -ignore '_test\.go$$|/decode\.go$$' core/*.go
	$(call each,go mod tidy -diff,$(CHECKED))
