// Formats that are found where PEM or PKCS #12 belongs. This is the last file.

package pemfile

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
	"unicode/utf8"
)

// Format is a format of certificates or keys. The zero Format is an unknown one. As an error, it is
// its name with the command that converts it.
type Format struct {
	Name    string // with its article, such as "a certificate request"
	Convert string // the command that makes PEM or PKCS #12 of it; empty: there is none
	DER     bool   // it is binary and begins with an ASN.1 SEQUENCE

	certificates bool // a PEM block of it has certificates
}

// Error returns the name and the command.
func (f Format) Error() string {
	if f.Convert == "" {
		return f.Name
	}
	return f.Name + "; convert it: " + f.Convert
}

// PKCS12 is the format of PKCS #12 (RFC 7292), in DER or BER.
var PKCS12 = Format{Name: "a PKCS #12", DER: true,
	Convert: "openssl pkcs12 -in client.p12 -nodes -out client.pem"}

// marked are the formats that a file names in its first bytes.
var marked = []struct {
	mark   string
	format Format
}{
	{"\xfe\xed\xfe\xed", Format{Name: "a Java keystore (JKS)", Convert: "keytool -importkeystore " +
		"-srckeystore client.jks -destkeystore client.p12 -deststoretype PKCS12"}},
	{"\xce\xce\xce\xce", Format{Name: "a Java keystore (JCEKS)", Convert: "keytool -importkeystore " +
		"-srckeystore client.jceks -srcstoretype JCEKS -destkeystore client.p12 -deststoretype PKCS12"}},
	{"SQLite format 3\x00", Format{Name: "an SQLite database, as NSS has in cert9.db and key4.db",
		Convert: "pk12util -o client.p12 -n NAME -d sql:DIRECTORY"}},
	{"\x00\x06\x15\x61", Format{Name: "a Berkeley database, as NSS has in cert8.db and key3.db",
		Convert: "pk12util -o client.p12 -n NAME -d dbm:DIRECTORY"}},
	{"\x61\x15\x06\x00", Format{Name: "a Berkeley database, as NSS has in cert8.db and key3.db",
		Convert: "pk12util -o client.p12 -n NAME -d dbm:DIRECTORY"}},
	{"\x1e\xf1\xb5\xb0", Format{Name: "a private key of Windows (PVK)",
		Convert: "openssl rsa -inform PVK -in client.pvk -out client.key"}},
	{"\x00\x00\x00\x00CERT", Format{Name: "a certificate store of Windows (SST)",
		Convert: "certutil -split -dump certs.sst writes each certificate to a file"}},
	{"PuTTY-User-Key-File-", Format{Name: "an SSH key of PuTTY",
		Convert: "puttygen client.ppk -O private-openssh -o client.key"}},
	{"---- BEGIN SSH2", Format{Name: "an SSH key (RFC 4716)",
		Convert: "ssh-keygen -i -f client.ssh2 > client.key"}},
	{"openssh-key-v1\x00", openSSH},
	{"ssh-", Format{Name: "a public key of SSH; the private key is in the file without .pub"}},
	{"ecdsa-sha2-", Format{Name: "a public key of SSH; the private key is in the file without .pub"}},
	{"-----BEGIN PGP", Format{Name: "OpenPGP, which TLS does not use"}},
	{"PK\x03\x04", Format{Name: "a ZIP archive", Convert: "unzip client.zip"}},
	{"\x1f\x8b", Format{Name: "compressed", Convert: "gunzip client.gz"}},
	{"\x07\x02\x00\x00", Format{Name: "a private key of Windows (BLOB)",
		Convert: "openssl rsa -inform MSBLOB -in client.blob -out client.key"}},
	{"\x06\x02\x00\x00", Format{Name: "a public key of Windows (BLOB)"}},
	{"\x00\x00\x00\x01\x00\x00\x00\x14", bks}, {"\x00\x00\x00\x02\x00\x00\x00\x14", bks},
	{"age-encryption.org/", age}, {"-----BEGIN AGE ENCRYPTED FILE", age},
	{"$ANSIBLE_VAULT;", Format{Name: "encrypted by Ansible Vault",
		Convert: "ansible-vault decrypt client.pem"}},
	{"\x00GITCRYPT\x00", Format{Name: "encrypted by git-crypt", Convert: "git-crypt unlock"}},
	{"version https://git-lfs.github.com/", Format{Name: "a pointer of Git LFS to the file",
		Convert: "git lfs pull"}},
	{"<", Format{Name: "HTML or XML, such as the page of a sign-in; want PEM"}},
	{"apiVersion:", Format{Name: "a Kubernetes manifest; want PEM", Convert: "kubectl get secret " +
		"NAME -o jsonpath='{.data.tls\\.crt}' | base64 -d"}},
	{"{", Format{Name: "JSON, such as a JWK; want PEM"}},
}

var bks = Format{Name: "a keystore of Bouncy Castle (BKS)", Convert: "keytool -importkeystore " +
	"-srckeystore client.bks -srcstoretype BKS -providerpath bcprov.jar -provider " +
	"org.bouncycastle.jce.provider.BouncyCastleProvider -destkeystore client.p12 -deststoretype PKCS12"}

var age = Format{Name: "encrypted by age", Convert: "age -d -i KEY client.age > client.pem"}

var openSSH = Format{Name: "an OpenSSH key; want PKCS #8, PKCS #1 or SEC 1",
	Convert: "ssh-keygen -p -m PKCS8 -f client.key, which leaves Ed25519 as it is before OpenSSH 9.6"}

var request = Format{Name: "a certificate request (CSR); want the certificate that the authority " +
	"has issued for it"}

var pkcs7 = "openssl pkcs7 -print_certs -in certs.p7b -out certs.pem"

// labelled are the formats of PEM blocks by their labels.
var labelled = map[string]Format{
	"CERTIFICATE":             {Name: "a certificate"},
	"CERTIFICATE REQUEST":     request,
	"NEW CERTIFICATE REQUEST": request,
	"PKCS7":                   {Name: "a PKCS #7", Convert: pkcs7, certificates: true},
	"PKCS #7 SIGNED DATA":     {Name: "a PKCS #7", Convert: pkcs7, certificates: true},
	"CMS":                     {Name: "a PKCS #7", Convert: pkcs7, certificates: true},
	"PKCS12":                  {Name: PKCS12.Name, Convert: "openssl base64 -d of its other lines"},
	"X509 CRL":                {Name: "a revocation list"},
	"PUBLIC KEY":              {Name: "a public key"},
	"RSA PUBLIC KEY":          {Name: "a public key"},
	"OPENSSH PRIVATE KEY":     openSSH,
	"DSA PRIVATE KEY":         {Name: "a DSA key, which TLS does not use"},
	"DH PARAMETERS":           {Name: "parameters of Diffie-Hellman"},
	"ATTRIBUTE CERTIFICATE":   {Name: "an attribute certificate"},
	"TRUSTED CERTIFICATE": {Name: "a certificate with trust settings of OpenSSL",
		Convert: "openssl x509 -in ca.pem -out plain.pem", certificates: true},
	"X509 CERTIFICATE": {Name: "a certificate with an old label",
		Convert: "openssl x509 -in ca.pem -out plain.pem", certificates: true},
}

// IsPrivateKey reports whether a block is a private key that [crypto/tls] or [crypto/x509] may be
// able to read, encrypted or not.
func IsPrivateKey(block *pem.Block) bool {
	return strings.HasSuffix(block.Type, "PRIVATE KEY") && labelled[block.Type] == (Format{})
}

// formatOf returns the format of a block. It is zero for parameters and unknown labels.
func formatOf(block *pem.Block) Format {
	if IsPrivateKey(block) {
		return Format{Name: "a private key"}
	}
	return labelled[block.Type]
}

// Recognize returns the format of data by its first bytes. It is zero for PEM in UTF-8 and for
// formats that are not known.
func Recognize(data []byte) Format {
	if len(data) > 0 && data[0] == 0x30 {
		return recognizeDER(data)
	}
	for _, m := range marked {
		if bytes.HasPrefix(data, []byte(m.mark)) {
			return m.format
		}
	}
	return Format{}
}

const derKey = "openssl pkey -inform der -in client.der -out client.key"

// recognizeDER returns the format of a SEQUENCE by the types of its first elements. It is zero for
// another text that begins with the digit 0.
func recognizeDER(data []byte) Format {
	if len(data) > 2 && data[1] == 0x80 { // BER of indefinite length
		if data[2] == asn1.TagOID {
			return Format{Name: "a PKCS #7", Convert: pkcs7 + " -inform der", DER: true}
		}
		return PKCS12
	}
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(data, &outer)
	if err != nil || len(outer.Bytes) == 0 || len(bytes.TrimSpace(rest)) > 0 {
		if utf8.Valid(data) {
			return Format{}
		}
		return Format{Name: "DER that is damaged or cut short", DER: true}
	}
	tags, first := elements(outer.Bytes, 4)
	is := func(want ...int) bool {
		return len(tags) >= len(want) && slices.Equal(tags[:len(want)], want)
	}
	const seq, integer, octets, bits, oid = asn1.TagSequence, asn1.TagInteger, asn1.TagOctetString,
		asn1.TagBitString, asn1.TagOID
	switch {
	case is(integer, seq) && bytes.Equal(first, []byte{3}):
		return PKCS12
	case is(integer, seq, octets), is(integer, octets), is(integer, integer, integer, integer),
		is(seq, octets) && len(tags) == 2:
		return Format{Name: "a private key in DER", Convert: derKey, DER: true}
	case is(seq, bits):
		return Format{Name: "a public key", DER: true}
	case is(oid):
		return Format{Name: "a PKCS #7", Convert: pkcs7 + " -inform der", DER: true}
	case is(seq, seq, bits):
		return recognizeSigned(data)
	}
	return Format{Name: "DER of a kind that is not known; want PEM", DER: true}
}

// recognizeSigned returns the format of what an authority or an owner has signed, in DER.
func recognizeSigned(data []byte) Format {
	if _, err := x509.ParseCertificateRequest(data); err == nil {
		f := request
		f.DER = true
		return f
	}
	if _, err := x509.ParseRevocationList(data); err == nil {
		return Format{Name: "a revocation list", DER: true}
	}
	return Format{Name: "a certificate in DER", DER: true,
		Convert: "openssl x509 -inform der -in client.der -out client.pem"}
}

// elements returns the tags of the first elements of a SEQUENCE, at most limit, and the content of
// the first one. Elements that are not universal have the tag -1.
func elements(content []byte, limit int) (tags []int, first []byte) {
	for rest := content; len(rest) > 0 && len(tags) < limit; {
		var element asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &element); err != nil {
			break
		}
		if len(tags) == 0 {
			first = element.Bytes
		}
		tag := element.Tag
		if element.Class != asn1.ClassUniversal {
			tag = -1
		}
		tags = append(tags, tag)
	}
	return tags, first
}
