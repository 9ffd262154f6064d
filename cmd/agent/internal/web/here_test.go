package web

import "testing"

func TestWhereThisMachineReachesAPage(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string][2]string{ // a program, a person
		":8080": {"127.0.0.1:8080", "localhost:8080"}, "0.0.0.0:80": {"127.0.0.1:80", "localhost:80"}, "[::]:8080": {"127.0.0.1:8080", "localhost:8080"},
		"127.0.0.1:8080": {"127.0.0.1:8080", "localhost:8080"}, "[::1]:8080": {"[::1]:8080", "[::1]:8080"}, "192.0.2.7:80": {"192.0.2.7:80", "192.0.2.7:80"},
		"localhost:8080": {"localhost:8080", "localhost:8080"}, "none": {"none", "none"},
	} {
		if got := [2]string{Here(listen), Shown(listen)}; got != want {
			t.Errorf("%s is reached at %s, want %s", listen, got, want)
		}
	}
}
