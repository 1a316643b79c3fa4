"""What the site adds to the Markdown: pages from the code, contents from lists, mathematics without scripts."""
