package testservers

import (
	"testing"
)

func TestInfluxKeepsItsPointsOverAStop(t *testing.T) {
	i := StartInflux(t)
	i.must("SHOW DATABASES")
	if n := i.Count("nothing", "x"); n != 0 {
		t.Errorf("%d points in an empty database", n)
	}
	i.Kill()
	i.Start()
	if got := i.Query("SHOW DATABASES"); len(got) != 1 || len(got[0].Values) == 0 {
		t.Errorf("%v", got)
	}
}

func TestMosquittoComesBackOnItsPort(t *testing.T) {
	m := StartMosquitto(t)
	m.Kill()
	m.Start()
	m.Stop()
	m.Start()
}
