package dpop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
)

func ExampleKey_Proof() {
	key, err := dpop.NewKey(dpop.ES256)
	if err != nil {
		fmt.Println(err)
		return
	}
	proof, err := key.Proof(dpop.Claims{Method: "GET", URL: "https://api.example.com/items?page=2",
		Token: core.NewSecret("a-token")})
	fmt.Println(len(strings.Split(proof.Reveal(), ".")), proof, err)
	// Output: 3 REDACTED <nil>
}

func BenchmarkProof(b *testing.B) {
	all, err := keys()
	if err != nil {
		b.Fatal(err)
	}
	for _, algorithm := range dpop.Algorithms {
		b.Run(algorithm, func(b *testing.B) {
			key, err := dpop.ParseKey(all[algorithm].Secret()) // as a session's is
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			c := dpop.Claims{Method: "GET", URL: "https://api.example.com/v1/items",
				Token: core.NewSecret("a-token"), Nonce: "eyJ7S_zG.eyJH0-Z.HX4w-7v"}
			for b.Loop() {
				if _, err := key.Proof(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
