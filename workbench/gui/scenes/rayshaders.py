"""The programs that walk lines of sight through a 3-D texture: scalar volumes by a table, radiance grids by colour."""

from __future__ import annotations

from workbench.gui.scenes.shaders import MOST_CLIPS

_WALK = f"""#version 330 core
in vec2 at;
out vec4 colour;
uniform sampler3D grid;
uniform sampler3D blocks;  // the most that is in blocks of {{BLOCK}} texels and a texel around
uniform sampler2D depth;   // of opaque things
uniform mat4 back;         // from the picture to the texture's 0 ... 1
uniform mat4 placed;       // from there to the scene
uniform vec3 scale;        // lengths of the texture's axes in the thing's own units
uniform vec3 texels;
uniform float pace;        // length of a step
uniform float least;       // less is clear
uniform float opacity;
uniform vec3 lowest, highest;  // corners of what is not clear
uniform vec4 clips[{MOST_CLIPS}];
uniform int clip_count;
vec3 start, ray;
float enter, leave;
bool walled = false;       // whether it ends within the texture
bool reach() {{  // what part of the line of sight, 0 ... 1, lies in the box, before walls, on this side of cuts
    vec2 where = at * 2.0 - 1.0;
    vec4 a = back * vec4(where, -1.0, 1.0), b = back * vec4(where, 1.0, 1.0);
    start = a.xyz / a.w;
    ray = b.xyz / b.w - start;
    vec3 low = (lowest - start) / ray, high = (highest - start) / ray;
    vec3 first = min(low, high), last = max(low, high);
    enter = max(max(first.x, first.y), max(first.z, 0.0));
    leave = min(min(last.x, last.y), min(last.z, 1.0));
    float wall = texture(depth, at).r;
    if (wall < 1.0) {{
        vec4 q = back * vec4(where, 2.0 * wall - 1.0, 1.0);
        vec3 end = q.xyz / q.w;
        walled = all(greaterThanEqual(end, vec3(0.0))) && all(lessThanEqual(end, vec3(1.0)));
        leave = min(leave, dot(end - start, ray) / dot(ray, ray));
    }}
    vec3 from = (placed * vec4(start, 1.0)).xyz, along = mat3(placed) * ray;
    for (int i = 0; i < clip_count; ++i) {{
        float over = dot(clips[i].xyz, from) - clips[i].w, rise = dot(clips[i].xyz, along);
        if (abs(rise) < 1e-12) {{ if (over > 0.0) return false; }}
        else if (rise > 0.0) leave = min(leave, -over / rise);
        else enter = max(enter, -over / rise);
    }}
    return enter < leave;
}}
float past(float t, float step) {{  // where the block that holds t ends, if nothing is in it; t itself otherwise
    vec3 size = {{BLOCK}}.0 / texels, p = start + t * ray, cell = floor(p / size);
    if (texelFetch(blocks, clamp(ivec3(cell), ivec3(0), textureSize(blocks, 0) - 1), 0).r >= least) return t;
    vec3 end = ((cell + vec3(greaterThan(ray, vec3(0.0)))) * size - start) / ray;
    return max(min(end.x, min(end.y, end.z)), t) + 0.01 * step;
}}
float jitter() {{ return fract(sin(dot(gl_FragCoord.xy, vec2(12.9898, 78.233))) * 43758.5453); }}
"""
BLOCK = 8
WALK = _WALK.replace("{BLOCK}", str(BLOCK))

LOOKED = """vec4 looked(float tone) { return texture(table, vec2(tone * 255.0 / 256.0 + 0.5 / 256.0, 0.5)); }
"""
"""GLSL: the colour and opacity of a tone in a `table`."""
LIT = """vec3 tint() {  // of a surface: as bright as a surface should be, whatever its value is in the table
    vec3 found = looked(level).rgb;
    float most = max(found.r, max(found.g, found.b));
    return most < 0.02 ? vec3(0.85) : found * (0.9 / most);
}
float lit(vec3 p, vec3 along) {
    vec3 g = slope(p);
    float size = length(g);
    return size < 1e-6 ? 1.0 : 0.3 + 0.7 * abs(dot(g / size, along));
}
"""
"""GLSL: a surface's colour at `level`, and how bright a place is by its `slope`; needs LOOKED and `slope`."""

VOLUME_FRAGMENT = (
    WALK
    + """
uniform sampler2D table;
uniform int mode;      // 0 composite, 1 maximum, 2 surface
uniform float level;
uniform vec2 span;     // tones from black to white of the maximum
"""
    + LOOKED
    + """vec3 slope(vec3 p) {
    vec3 d = 1.0 / texels;
    return vec3(texture(grid, p + vec3(d.x, 0, 0)).r - texture(grid, p - vec3(d.x, 0, 0)).r,
                texture(grid, p + vec3(0, d.y, 0)).r - texture(grid, p - vec3(0, d.y, 0)).r,
                texture(grid, p + vec3(0, 0, d.z)).r - texture(grid, p - vec3(0, 0, d.z)).r) * texels / scale;
}
"""
    + LIT
    + """void main() {
    colour = vec4(0);
    if (!reach()) return;
    vec3 along = normalize(ray * scale);
    float step = pace / length(ray * scale);
    vec3 sum = vec3(0);
    float clear = 1.0, most = 0.0, before = texture(grid, start + enter * ray).r;
    if (mode == 2 && before >= level) {  // cut open by the border
        colour = vec4(tint() * 0.8, 1) * opacity;
        return;
    }
    for (float t = enter + step * jitter(); t < leave; t += step) {
        float next = past(t, step);
        if (next > t) { t = next - step; before = 0.0; continue; }
        vec3 p = start + t * ray;
        float tone = texture(grid, p).r;
        if (mode == 1) { most = max(most, tone); continue; }
        if (mode == 2) {
            if (tone >= level) {
                float share = (level - before) / max(tone - before, 1e-4);
                p -= ray * step * (1.0 - clamp(share, 0.0, 1.0));
                colour = vec4(tint() * lit(p, along), 1) * opacity;
                return;
            }
            before = tone;
            continue;
        }
        vec4 seen = looked(tone);
        if (seen.a < 0.004) continue;
        float held = 1.0 - pow(1.0 - min(seen.a * opacity, 0.999), pace);
        sum += clear * held * seen.rgb * lit(p, along);
        clear *= 1.0 - held;
        if (clear < 0.02) break;
    }
    if (mode == 1) {
        float share = clamp((most - span.x) / max(span.y - span.x, 1e-4), 0.0, 1.0);
        colour = vec4(vec3(share), share) * opacity * (walled ? 0.5 : 1.0);  // what stands within shines through
    } else if (mode == 0) colour = vec4(sum, 1.0 - clear);
}
"""
)

RADIANCE_FRAGMENT = (
    WALK
    + """
uniform sampler2D table;
uniform int mode;         // 0 colour, 1 density, 2 maximum of the density
uniform float strength, light;
uniform float voxel;      // the length that an alpha of the grid counts for
void main() {
    colour = vec4(0);
    if (!reach()) return;
    float step = pace / length(ray * scale);
    vec3 sum = vec3(0);
    float clear = 1.0, most = 0.0;
    for (float t = enter + step * jitter(); t < leave; t += step) {
        float next = past(t, step);
        if (next > t) { t = next - step; continue; }
        vec4 found = texture(grid, start + t * ray);  // colours times alpha, so that empty voxels darken nothing
        if (found.a < least) continue;
        if (mode == 2) { most = max(most, found.a); continue; }
        vec3 tone = mode == 0 ? found.rgb / found.a * light
                              : texture(table, vec2(found.a * 255.0 / 256.0 + 0.5 / 256.0, 0.5)).rgb;
        float held = 1.0 - pow(1.0 - min(found.a * strength, 0.9999), pace / voxel);
        sum += clear * held * tone;
        clear *= 1.0 - held;
        if (clear < 0.01) { clear = 0.0; break; }
    }
    if (mode == 2) {
        float share = min(most * strength, 1.0);
        vec3 tone = texture(table, vec2(share * 255.0 / 256.0 + 0.5 / 256.0, 0.5)).rgb;
        colour = vec4(tone, 1.0) * (most > 0.0 ? opacity : 0.0);
    } else colour = vec4(min(sum, vec3(1.0)), 1.0 - clear) * opacity;
}
"""
)

# A pixel on a surface's edge shows both what lies before the surface and what lies past it, by what share it covers.
EDGES = """
uniform sampler2D fine;  // as in LIT
uniform int smoothed;
const ivec2 AROUND[8] = ivec2[8](ivec2(1, 0), ivec2(-1, 0), ivec2(0, 1), ivec2(0, -1),
                                 ivec2(1, 1), ivec2(-1, 1), ivec2(1, -1), ivec2(-1, -1));
ivec2 beside(int i) { return clamp(ivec2(gl_FragCoord.xy) + AROUND[i], ivec2(0), textureSize(fine, 0) - 1); }
float covered() {  // 0 but on an edge
    if (smoothed == 0) return 0.0;
    float held = min(1.0, 2.0 * texelFetch(fine, ivec2(gl_FragCoord.xy), 0).a);
    return held < 1.0 ? held : 0.0;
}
"""
FRAME_FRAGMENT = f"""#version 330 core
in vec2 at;
out vec4 colour;
uniform sampler2D frame, far_off, depth;  // a picture made elsewhere, its distances, and the depth of opaque things
uniform float near, far, opacity;
uniform int orthographic;
{EDGES}
void main() {{
    float z = texture(depth, at).r, held = covered();
    if (held > 0.0 && z >= 1.0)  // the surface's edge lies in this pixel beside the middle
        for (int i = 0; i < 8; ++i) z = min(z, texelFetch(depth, beside(i), 0).r);
    float wall = z >= 1.0 ? 1e30 : orthographic == 1 ? near + z * (far - near) : near * far / (far - z * (far - near));
    vec4 found = vec4(texture(frame, at).rgb, 1.0) * texture(frame, at).a * opacity;
    bool hidden = texture(far_off, at).r > wall;
    colour = !hidden ? found : held > 0.0 ? vec4(found.rgb * (1.0 - held), 0.0) : vec4(0);
}}
"""
VEIL_FRAGMENT = f"""#version 330 core
in vec2 at;
out vec4 colour;
uniform sampler2D veil, shade;  // `shade`: alpha 0 where no opaque thing is
{EDGES}
void main() {{
    colour = texture(veil, at);
    float held = covered();
    if (held <= 0.0) return;
    bool inside = texelFetch(shade, ivec2(gl_FragCoord.xy), 0).a > 0.0;
    for (int i = 0; i < 8; ++i) {{
        if ((texelFetch(shade, beside(i), 0).a > 0.0) == inside) continue;
        vec4 other = texture(veil, (vec2(beside(i)) + 0.5) / vec2(textureSize(fine, 0)));
        vec4 before = inside ? colour : other, past = inside ? other : colour;
        colour = vec4(mix(past.rgb, before.rgb, held), before.a);
        return;
    }}
}}
"""
