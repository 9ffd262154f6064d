package fault

import "testing"

func TestFaultsOfAPartKeepTheirWholePath(t *testing.T) {
	var part, whole List
	part.Add("[2].from", "write HH:MM", "%q is not a time of day", "25:00")
	part.Add("", "give it a name", "no name")
	part.Add("name", "", "too long")
	whole.Under("periods", part)
	want := "periods[2].from: \"25:00\" is not a time of day; write HH:MM\nperiods: no name; give it a name\nperiods.name: too long"
	if got := whole.Err().Error(); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	if (List{}).Err() != nil {
		t.Fatal("an empty list is no error")
	}
}
