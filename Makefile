# "make test" needs nothing but Go; CONTRIBUTING.md says which target is for what.
CHECKED  = $(patsubst %/,%,$(dir $(shell git ls-files go.mod '*/go.mod')))
MODULES  = $(filter-out examples/plugin-pkcs11,$(CHECKED))
FUZZTIME = 5000x
export GOWORK = off
each     = @set -e; for m in $(2); do (cd $$m; set -x; $(1)); done
tool     = $$(cd $(CURDIR)/examples && go tool -n $(1))

.PHONY: test fuzz servers acceptance bench mutate check generate api vuln release
test:
	$(call each,go test -race -timeout 30m ./...,$(MODULES))
	@$(MAKE) --no-print-directory fuzz
fuzz:
	@set -e; for m in $(MODULES); do cd $(CURDIR)/$$m; \
	git grep -q '^func Fuzz' -- '*_test.go' || continue; \
	go test -list '^Fuzz' ./... >/dev/null; \
	go test -list '^Fuzz' ./... | awk '/^Fuzz/ {n[++i]=$$1} /^ok/ {for (; i; i--) print $$2, n[i]}' | \
	while read -r pkg name; do \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x "$$pkg"; \
	done; done
servers: ; test/servers/install.sh
acceptance:
	cd test && go test -race -timeout 30m -tags acceptance ./...
	examples/plugin-python/check.sh
	cd examples/plugin-pkcs11 && go test -race -timeout 30m -tags acceptance ./...
bench: ; cd test && go run ./bench
mutate: ; cd test && go run ./mutation
generate:
	plugins/proto/generate.sh && examples/plugin-python/generate.sh
	git diff --exit-code -- plugins examples
check: # decode.go has a case for each kind of value
	@test -z "$$(gofmt -l . | tee /dev/stderr)"
	$(call each,for os in linux darwin windows; do GOOS=$$os go vet ./...; done,$(CHECKED))
	$(call each,$(call tool,staticcheck) ./...,$(CHECKED))
	$(call tool,gocognit) -over 15 -ignore '_test\.go$$|/decode\.go$$' .
	$(call each,go mod tidy -diff,$(CHECKED))
	go test -run ReadingOrder ./providers # which is not there under -race
	cd test && go run ./api
api: ; cd test && go run ./api -write
vuln:
	$(call each,$(call tool,govulncheck) $(if $(VULNDB),-db $(VULNDB)) ./...,$(CHECKED))
release: ; cd test && go run ./release -version "$(VERSION)" $(FLAGS)
