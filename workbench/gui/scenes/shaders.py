"""The programs that draw a scene, in GLSL 3.30; what each uniform means stands beside it.

Opaque things are drawn into colours (alpha 1: to be given eye-dome lighting, 0.6: not, ½: a mesh), into who they are
(node, element) and depth; `LIT` makes the picture of these, and what is clear or thin is drawn over it with the same
depth. At rest meshes are drawn again with several samples to a pixel (`smoothing.py`), whose mean `LIT` takes.
"""

from __future__ import annotations

MOST_CLIPS = 8
_CLIPS = f"""
uniform vec4 clips[{MOST_CLIPS}];  // nothing is drawn where clips.xyz · x > clips.w
uniform int clip_count;
bool cut(vec3 p) {{
    for (int i = 0; i < clip_count; ++i) if (dot(clips[i].xyz, p) > clips[i].w) return true;
    return false;
}}
"""
# A hash instead of blending: clear things need no order, and depth stays right.
_VEIL = """
bool veiled(float opacity) {
    return opacity < 0.999 && fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453) > opacity;
}
"""

POINTS_VERTEX = f"""#version 330 core
layout(location = 0) in vec3 place;
layout(location = 1) in vec4 shade;
layout(location = 2) in uint mark;    // 1: hidden, 2: selected
layout(location = 3) in vec3 facing;
uniform mat4 placed, seen, projected;
uniform float size;         // pixels, or
uniform float unit_px;      // > 0: pixels of a scene unit times size, at distance 1 in perspective
uniform float least_px;
uniform int orthographic, shading;
uniform vec3 accent;
{_CLIPS}
flat out vec3 tone;
flat out uint index;
void main() {{
    vec4 there = placed * vec4(place, 1.0);
    vec4 at = seen * there;
    gl_Position = projected * at;
    if ((mark & 1u) != 0u || shade.a == 0.0 || cut(there.xyz)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    float wide = unit_px > 0.0 ? unit_px * size / (orthographic == 1 ? 1.0 : max(-at.z, 1e-6)) : size;
    gl_PointSize = clamp(wide, least_px, 64.0);
    tone = (mark & 2u) != 0u ? mix(shade.rgb, accent, 0.85) : shade.rgb;
    if (shading == 2) {{
        vec3 n = mat3(seen) * mat3(placed) * facing;
        vec3 along = orthographic == 1 ? vec3(0, 0, 1) : normalize(at.xyz);
        if (length(n) > 1e-6) tone *= 0.35 + 0.65 * abs(dot(normalize(n), along));
    }}
    index = uint(gl_VertexID);
}}
"""
POINTS_FRAGMENT = f"""#version 330 core
flat in vec3 tone;
flat in uint index;
layout(location = 0) out vec4 colour;
layout(location = 1) out uvec2 who;
uniform int disc, shading;
uniform float opacity;
uniform uint node;
{_VEIL}
void main() {{
    if (disc == 1) {{
        vec2 away = gl_PointCoord - 0.5;
        if (dot(away, away) > 0.25) discard;
    }}
    if (veiled(opacity)) discard;
    colour = vec4(tone, shading == 1 ? 1.0 : 0.6);
    who = uvec2(node, index);
}}
"""

MESH_VERTEX = f"""#version 330 core
layout(location = 0) in vec3 place;
layout(location = 1) in vec3 normal;
layout(location = 2) in vec4 shade;
layout(location = 3) in vec2 spot;
uniform mat4 placed, seen, projected, turned;  // turned: of normals, to the scene
uniform float bias, dot_px;
// Of several samples in a pixel the middle may lie beside the face.
centroid out vec3 there, facing;
centroid out vec4 tone;
centroid out vec2 uv;
out vec3 at;
out float gl_ClipDistance[{MOST_CLIPS}];
{_CLIPS}
void main() {{
    vec4 p = placed * vec4(place, 1.0), q = seen * p;
    for (int i = 0; i < clip_count; ++i) gl_ClipDistance[i] = clips[i].w - dot(clips[i].xyz, p.xyz);
    there = p.xyz;
    at = q.xyz;
    facing = mat3(seen) * mat3(turned) * normal;
    tone = shade;
    uv = spot;
    gl_Position = projected * q;
    gl_Position.z -= bias * gl_Position.w;
    gl_PointSize = dot_px;
}}
"""
MESH_FRAGMENT = """#version 330 core
centroid in vec3 there, facing;
centroid in vec4 tone;
centroid in vec2 uv;
in vec3 at;
layout(location = 0) out vec4 colour;
layout(location = 1) out uvec2 who;
uniform int shading;      // 0 smooth, 1 flat, 2 none
uniform int painted;      // 0 plain, 1 by vertex, 2 texture, 3 normals, 4 height
uniform int marked, orthographic, one_sided, blended, first, dotted;
uniform vec4 plain;
uniform vec3 accent;
uniform vec2 span;        // lowest and highest of what the table spans
uniform sampler2D picture, table;
uniform usamplerBuffer marks;  // of each face, 1: hidden, 2: selected
uniform uint node;
void main() {
    uint mark = marked == 1 ? texelFetch(marks, first + gl_PrimitiveID).r : 0u;
    if ((mark & 1u) != 0u) discard;
    vec3 flatly = dotted == 1 ? vec3(0, 0, 1) : cross(dFdx(at), dFdy(at));
    vec3 n = shading == 0 && dot(facing, facing) > 1e-12 ? facing : flatly;
    n = length(n) > 0.0 ? normalize(n) : vec3(0, 0, 1);
    if (one_sided == 1 && !gl_FrontFacing) discard;
    vec4 found = plain;
    if (painted == 1) found = tone;
    else if (painted == 2) found = texture(picture, uv);
    else if (painted == 3) found = vec4(0.5 + 0.5 * n, 1.0);
    else if (painted == 4) {
        float share = clamp((there.z - span.x) / max(span.y - span.x, 1e-12), 0.0, 1.0);
        found = texture(table, vec2(share * 255.0 / 256.0 + 0.5 / 256.0, 0.5));
    }
    if ((mark & 2u) != 0u) found.rgb = mix(found.rgb, accent, 0.75);
    float lit = shading == 2 ? 1.0 : 0.28 + 0.72 * abs(dot(n, orthographic == 1 ? vec3(0, 0, 1) : normalize(at)));
    colour = blended == 1 ? vec4(found.rgb * lit, 1.0) * plain.a : vec4(found.rgb * lit, 0.5);
    who = uvec2(node, dotted == 1 ? 0xFFFFFFFFu : uint(first + gl_PrimitiveID));
}
"""

LINES_VERTEX = """#version 330 core
layout(location = 0) in vec3 start;
layout(location = 1) in vec3 end;
layout(location = 2) in vec4 shade;
layout(location = 3) in float width;
uniform mat4 whole;
uniform vec2 picture;   // its size in pixels
uniform float ratio;    // pixels of the picture to one of the window
uniform float bias;
out vec4 tone;
out float across, half_wide;
void main() {
    vec4 a = whole * vec4(start, 1.0), b = whole * vec4(end, 1.0);
    float near_a = a.z + a.w, near_b = b.z + b.w;  // what lies before the near plane is cut off here
    if (near_a < 0.0 && near_b > 0.0) a = mix(a, b, near_a / (near_a - near_b) + 1e-5);
    else if (near_b < 0.0 && near_a > 0.0) b = mix(b, a, near_b / (near_b - near_a) + 1e-5);
    vec4 at = (gl_VertexID & 1) == 0 ? a : b;
    float side = (gl_VertexID & 2) == 0 ? -1.0 : 1.0;
    vec2 along = (b.xy / b.w - a.xy / a.w) * picture;
    along = length(along) > 1e-6 ? normalize(along) : vec2(1, 0);
    half_wide = 0.5 * width * ratio;
    across = side * (half_wide + 1.0);
    at.xy += vec2(-along.y, along.x) * across * 2.0 / picture * at.w;
    at.z -= bias * at.w;
    gl_Position = near_a < 0.0 && near_b < 0.0 ? vec4(2, 2, 2, 1) : at;
    tone = shade;
}
"""
LINES_FRAGMENT = """#version 330 core
in vec4 tone;
in float across, half_wide;
out vec4 colour;
uniform float least;  // of a pixel, that must be covered
void main() {
    float held = clamp(half_wide + 0.5 - abs(across), 0.0, 1.0);
    if (held < least) discard;
    colour = vec4(tone.rgb, 1.0) * tone.a * held;
}
"""

FACES_VERTEX = """#version 330 core
layout(location = 0) in vec3 place;
layout(location = 1) in vec4 shade;
uniform mat4 whole;
out vec4 tone;
out vec3 spot;
void main() { tone = shade; spot = place; gl_Position = whole * vec4(place, 1.0); }
"""
FACES_FRAGMENT = f"""#version 330 core
in vec4 tone;
in vec3 spot;
out vec4 colour;
{_CLIPS}
void main() {{ if (cut(spot)) discard; colour = vec4(tone.rgb, 1.0) * tone.a; }}
"""

PHOTOGRAPH_VERTEX = """#version 330 core
layout(location = 0) in vec3 place;
layout(location = 1) in vec2 spot;
uniform mat4 whole;
out vec2 uv;
out vec3 at;
void main() { uv = spot; at = place; gl_Position = whole * vec4(place, 1.0); }
"""
PHOTOGRAPH_FRAGMENT = f"""#version 330 core
in vec2 uv;
in vec3 at;
out vec4 colour;
uniform sampler2D picture;
uniform float opacity;
{_CLIPS}
void main() {{
    if (cut(at)) discard;
    vec4 found = texture(picture, uv);
    colour = vec4(found.rgb, 1.0) * found.a * opacity;
}}
"""

SCREEN_VERTEX = """#version 330 core
out vec2 at;
void main() {  // one triangle that holds the picture
    vec2 corner = vec2((gl_VertexID & 1) * 4 - 1, (gl_VertexID & 2) * 2 - 1);
    at = corner * 0.5 + 0.5;
    gl_Position = vec4(corner, 0.0, 1.0);
}
"""
# Eye-dome lighting: Boucheny (2009), as a shade exp(−k · mean of how much nearer the neighbours are), on log depths.
LIT_FRAGMENT = """#version 330 core
in vec2 at;
out vec4 colour;
uniform sampler2D shade, depth;
uniform sampler2D fine;  // means of meshes' samples, colours times the half of what they cover
uniform float near, far, radius, strength;
uniform int orthographic, taps, smoothed;
uniform int mixed;       // whether there are points, whose edges stay as they are
float away(float z) {
    if (orthographic == 1) return z * 6.0;
    return log2(near * far / (far - z * (far - near)));
}
const vec2 AROUND[8] = vec2[8](vec2(1, 0), vec2(-1, 0), vec2(0, 1), vec2(0, -1),
                               vec2(0.7, 0.7), vec2(-0.7, 0.7), vec2(0.7, -0.7), vec2(-0.7, -0.7));
bool is_point(float a) { return a > 0.55; }
void main() {
    ivec2 here = ivec2(gl_FragCoord.xy), last = textureSize(depth, 0) - 1;
    vec4 found = texelFetch(shade, here, 0);
    if (smoothed == 1 && !is_point(found.a)) {
        bool beside = false;
        for (int i = 0; i < 4 * mixed; ++i)
            beside = beside || is_point(texelFetch(shade, clamp(here + ivec2(AROUND[i]), ivec2(0), last), 0).a);
        if (!beside) {
            vec4 mean = texelFetch(fine, here, 0);
            colour = vec4(mean.rgb, min(1.0, 2.0 * mean.a));
            return;
        }
    }
    if (found.a > 0.75 && strength > 0.0) {
        float mine = away(texelFetch(depth, here, 0).r), sum = 0.0;
        for (int i = 0; i < taps; ++i) {
            float z = texelFetch(depth, clamp(here + ivec2(round(AROUND[i] * radius)), ivec2(0), last), 0).r;
            if (z < 1.0) sum += clamp(mine - away(z), 0.0, 0.1);
        }
        found.rgb *= exp(-strength * sum / float(taps));
    }
    colour = vec4(found.rgb, found.a > 0.0 ? 1.0 : 0.0);
}
"""
