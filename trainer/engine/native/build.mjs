console.log('native build: not there yet');
