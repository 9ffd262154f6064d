# Renders the templates of an announcement with messages of the agent: a list of
# {"template", "message"} comes in, a list of texts goes out.
import json
import sys

from jinja2.sandbox import ImmutableSandboxedEnvironment


def number(value):
    # Home Assistant's own filter fails where Jinja's says 0.
    if value is None:
        raise TypeError("float of nothing")
    return float(value)


env = ImmutableSandboxedEnvironment()
env.filters["float"] = number
out = []
for one in json.load(sys.stdin):
    if one["parse"]:
        try:
            env.parse(one["template"])
            out.append("")
        except Exception as e:
            out.append("ERROR " + repr(e))
        continue
    names = {"value": one["message"]}
    try:
        names["value_json"] = json.loads(one["message"])
    except ValueError:
        pass
    try:
        out.append(env.from_string(one["template"]).render(names).strip())
    except Exception as e:
        out.append("ERROR " + repr(e))
json.dump(out, sys.stdout)
