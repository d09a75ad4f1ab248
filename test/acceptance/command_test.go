package acceptance

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"
)

// command is what the test binary does when a session runs it: it prints the
// token that lies in a file, in the form that its first argument names, good
// for a number of seconds.
func command(args []string) int {
	token, err := os.ReadFile(args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	seconds, _ := strconv.Atoi(args[2])
	expiry := time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(time.RFC3339Nano)
	out := json.NewEncoder(os.Stdout)
	switch args[0] {
	case "kubernetes":
		err = out.Encode(map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1",
			"kind":       "ExecCredential",
			"status":     map[string]string{"token": string(token), "expirationTimestamp": expiry},
		})
	case "aws":
		err = out.Encode(map[string]any{
			"Version": 1, "AccessKeyId": "AKID-" + string(token), "SecretAccessKey": string(token), "Expiration": expiry,
		})
	case "bare":
		_, err = fmt.Println(string(token))
	default:
		err = fmt.Errorf("unknown form %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
